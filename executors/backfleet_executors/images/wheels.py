"""Wheels of distributions at exact versions, and of projects, by pip; downloads are kept."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet.sdk import cache_folder

if TYPE_CHECKING:
    from packaging.version import Version

__all__ = ["build_wheel", "pinned_wheels"]

MAX_LOG_LINES = 15


LATEST_GLIBC = 36
"""Of Debian 12, which Python's images have had at least since 2023: wheels for glibc 2.36 and
before it fit."""


def pinned_wheels(pins: Mapping[str, str], machine: str = "") -> list[Path]:
    """A wheel of each distribution at its version, from the cache or from the package index.

    Parameters
    ----------
    machine
        The architecture that they are for, as Python names it; this machine's by default. For
        another one, nothing can be built here: all have to be on the index as wheels.

    Raises
    ------
    ExecutorError
        A wheel cannot be had.
    """
    from packaging.version import Version

    here = platform.machine()
    machine = machine or here
    folder = cache_folder() / "wheels" / _folder_name(machine)
    folder.mkdir(parents=True, exist_ok=True)
    # Metadata may write a version otherwise than wheels' names do: 2024.07.04 is 2024.7.4.
    pinned = {(name, Version(version)) for name, version in pins.items()}
    # Only what the cache lacks is asked of the index, so a second build needs no network.
    missing = pinned - dict(_wheels_in(folder)).keys()
    if missing:
        # Within the same folder, so that `os.replace` is atomic: two builds at once never see half
        # a wheel.
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            requirements = sorted(f"{name}=={version}" for name, version in missing)
            # `pip wheel` can also build from source, which for another architecture is impossible
            # here.
            if machine == here:
                _pip_wheel(*requirements, "--wheel-dir", fresh)
            else:
                _pip("download", *_compatible_with(machine), *requirements, "--dest", fresh)
            for wheel in Path(fresh).iterdir():
                os.replace(wheel, folder / wheel.name)
    there = dict(_wheels_in(folder))
    return sorted(there[pin] for pin in pinned)


def build_wheel(project: Path, folder: Path) -> Path:
    """The wheel of a project, built by its own build backend. Raises ExecutorError."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        _pip_wheel(str(project.absolute()), "--wheel-dir", fresh)
        # An empty folder of its own, because the name that the backend gives the wheel is not
        # known.
        (wheel,) = Path(fresh).iterdir()
        return wheel.rename(folder / wheel.name)


def _folder_name(machine: str) -> str:
    """A folder's name: wheels fit one version of Python on one kind of machine."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{machine}"


def _compatible_with(machine: str) -> Iterator[str]:
    """Yield pip's options for wheels that fit a Linux machine with this version of Python."""
    python = f"{sys.version_info.major}{sys.version_info.minor}"
    yield from ("--only-binary=:all:", "--implementation=cp", f"--python-version={python}")
    yield from (f"--abi=cp{python}", "--abi=abi3", "--abi=none")
    # pip takes each platform tag literally, and does not infer the older ones from the newest.
    # glibc 2.17 is that of manylinux2014.
    minors = range(17, LATEST_GLIBC + 1)
    yield from (f"--platform=manylinux_2_{minor}_{machine}" for minor in minors)
    yield from (f"--platform=manylinux2014_{machine}", f"--platform=linux_{machine}")


def _wheels_in(folder: Path) -> Iterator[tuple[tuple[str, Version], Path]]:
    from packaging.utils import parse_wheel_filename

    for wheel in folder.glob("*.whl"):
        name, version, _, _ = parse_wheel_filename(wheel.name)
        yield (str(name), version), wheel


def _pip_wheel(*arguments: str) -> None:
    _pip("wheel", *arguments)


def _pip(task: str, *arguments: str) -> None:
    # --no-deps, because `collect_parts` has resolved the requirements to the versions installed
    # here.
    command = [sys.executable, "-P", "-m", "pip", task, "--quiet", "--no-deps", *arguments]
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise ExecutorError("pip is not installed here: python -m ensurepip")
    said = "\n".join(done.stderr.strip().splitlines()[-MAX_LOG_LINES:])
    raise ExecutorError(f"pip cannot make wheels:\n{said}")
