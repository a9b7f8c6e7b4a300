"""The checks of `backfleet doctor`: this machine, the store, the plugins, each executor."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from backfleet.cache import cache_folder
from backfleet.code.versions import DECISIVE
from backfleet.errors import BackfleetError, ExecutorError, error_line, install_command
from backfleet.executor import Diagnosable, Finding, FindingStatus
from backfleet.extras import EXTRAS, missing_extra
from backfleet.operating_system import data_bytes
from backfleet.plugins import list_plugins
from backfleet.processor import BASELINES
from backfleet.runs.executors import is_configured, open_executor, read_settings_file
from backfleet.store import open_store
from backfleet.worker.environment import platform_facts

__all__ = ["check_executors", "check_machine", "check_store", "plugin_findings"]

LOW_DISK_BYTES = 2**30
"""Less free space is a warning, because details of a million tasks take some gigabytes."""

MIN_FREE_BYTES = 100 * 2**20
"""Less free space is a failure."""

# The key of an object that a live check writes to a store on S3.
PROBE = "doctor.json"


def check_machine() -> Iterator[Finding]:
    """Python, the libraries that compute, the extras, the processor, and the cache."""
    python = f"Python {platform.python_version()}, backfleet {version('backfleet')}"
    yield Finding("python", FindingStatus.OK, python)
    yield from _libraries()
    yield from _extras()
    yield _processor()
    yield from _protections()
    yield _cache()


def _libraries() -> Iterator[Finding]:
    try:
        versions = ", ".join(f"{name} {version(name)}" for name in (*DECISIVE, "pyarrow"))
    except PackageNotFoundError as error:
        yield Finding("libraries", FindingStatus.FAILURE, f"{error}", f"pip install {error.name}")
        return
    yield Finding("libraries", FindingStatus.OK, versions)


def _extras() -> Iterator[Finding]:
    missing = {name: problem for name in EXTRAS if (problem := missing_extra(name))}
    for name, problem in missing.items():
        yield Finding("extras", FindingStatus.WARNING, problem, install_command(name))
    if not missing:
        yield Finding("extras", FindingStatus.OK, f"{', '.join(EXTRAS)} are installed")


def _processor() -> Finding:
    facts = platform_facts()
    machine = f"{facts['system']} {facts['machine']}, {os.cpu_count()} CPUs"
    if facts["system"] == "Linux" and facts["baseline"]:
        return Finding("machine", FindingStatus.OK, machine)
    words = " and ".join(sorted({one.words for one in BASELINES.values()}))
    return Finding(
        "machine",
        FindingStatus.WARNING,
        f"{machine}: results may differ in the last bits from those of other machines",
        f"equal bits are promised on Linux, on {words}",
    )


def _protections() -> Iterator[Finding]:
    if data_bytes() is None:
        yield Finding(
            "limits",
            FindingStatus.WARNING,
            "this system bounds no process's memory: a task that needs too much slows the machine",
            "run strategies that you do not trust in containers: --executor docker",
        )


def _cache() -> Finding:
    folder = cache_folder()
    problem = _cannot_write(_existing(folder))
    if problem:
        fix = "without it every command is slower; set BACKFLEET_CACHE to another folder"
        return Finding("cache", FindingStatus.WARNING, f"{folder}: {problem}", fix)
    return Finding("cache", FindingStatus.OK, f"{folder} can be written to")


def check_store(place: str, *, live: bool = False) -> Iterator[Finding]:
    """Whether the store can be reached and written to, and how much room it has.

    On S3 writing is tried with `live` only: what is written there stays, as `doctor.json`.
    """
    try:
        store = open_store(place)
        if "://" not in store.url:
            yield from _directory(Path(store.url))
            return
        if live:
            store.replace(PROBE, b"{}\n")
        else:
            store.exists(PROBE)
    except BackfleetError as error:
        yield Finding("store", FindingStatus.FAILURE, str(error))
        return
    can = "written to" if live else "read; --live tries to write"
    yield Finding("store", FindingStatus.OK, f"{store.url} can be {can}")


def _directory(folder: Path) -> Iterator[Finding]:
    # A store that does not exist yet is created with its parents, so the nearest existing folder
    # decides.
    there = _existing(folder)
    problem = _cannot_write(there)
    if problem:
        fix = "choose another directory: results.store in the job, or --store here"
        yield Finding("store", FindingStatus.FAILURE, f"{folder}: {problem}", fix)
        return
    yield Finding("store", FindingStatus.OK, f"{folder} can be written to")
    free = shutil.disk_usage(there).free
    status = FindingStatus.OK if free >= LOW_DISK_BYTES else FindingStatus.WARNING
    if free < MIN_FREE_BYTES:
        status = FindingStatus.FAILURE
    fix = "" if status is FindingStatus.OK else f"make room where {folder} lies"
    yield Finding("disk", status, f"{free / 2**30:.1f} GiB free for {folder}", fix)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _cannot_write(folder: Path) -> str:
    """Why a store or cache cannot be in a folder; empty where it can."""
    if not folder.is_dir():
        return f"{folder} is a file"
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-") as trial:
            first = Path(trial, "first")
            first.touch()
            # A store commits by hard links, which some file systems lack although they can be
            # written to.
            os.link(first, Path(trial, "second"))
    except OSError as error:
        return f"{error.strerror} in {folder}"
    return ""


def plugin_findings() -> Iterator[Finding]:
    """Plugins that fail to import, or that two packages claim."""
    plugins = list_plugins()
    owners: dict[tuple[str, str], set[str]] = {}
    for plugin in plugins:
        owners.setdefault((plugin.kind, plugin.name), set()).add(plugin.distribution)
    # Which of the two is loaded depends on the order of installation.
    twice = {key: names for key, names in owners.items() if len(names) > 1}
    for (kind, name), names in twice.items():
        text = f"{kind} {name!r} is claimed by {' and '.join(sorted(names))}"
        yield Finding("plugins", FindingStatus.WARNING, text, "uninstall one of them")
    broken = [plugin for plugin in plugins if plugin.failure()]
    for plugin in broken:
        text = f"{plugin.kind} {plugin.name!r} of {plugin.distribution} cannot be imported"
        fix = f"'backfleet plugins show {plugin.name}' has the traceback"
        yield Finding("plugins", FindingStatus.WARNING, text, fix)
    if not twice and not broken:
        yield Finding(
            "plugins", FindingStatus.OK, f"{len(plugins)} are installed, and can be imported"
        )


def check_executors(names: Sequence[str] = (), *, live: bool = False) -> Iterator[Finding]:
    """Yield the findings of the named executors, or of all installed ones.

    What is wrong with one that is neither named nor configured is only a warning.
    """
    try:
        read_settings_file()
    except ExecutorError as error:
        # No executor can be opened then, and none is the cause.
        yield Finding("settings", FindingStatus.FAILURE, str(error))
        return
    for name in names or sorted({plugin.name for plugin in list_plugins("executor")}):
        # Nobody who has no AWS account should read that a check has failed.
        required = name in names or is_configured(name)
        for finding in _findings_of(name, live):
            status = finding.status
            if status is FindingStatus.FAILURE and not required:
                status = FindingStatus.WARNING
            yield replace(finding, subject=f"{name}: {finding.subject}", status=status)


def _findings_of(name: str, live: bool) -> Iterator[Finding]:
    try:
        executor = Diagnosable.of(open_executor(name))
        yield from executor.diagnose()
        if live:
            yield from executor.diagnose_live()
    except BackfleetError as error:
        yield Finding("set-up", FindingStatus.FAILURE, str(error))
    except Exception as error:
        # An executor of another package may fail in any way; the others are still looked at.
        yield Finding("set-up", FindingStatus.FAILURE, error_line(error))
