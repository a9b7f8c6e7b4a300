"""The code, data and limits with which tasks of a stored run run again."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from backfleet.code.declared_files import add_declared_files
from backfleet.code.fetched_code import FetchedCode, fetch_code
from backfleet.code.hashes import distribution_hashes
from backfleet.code.isolated_imports import IsolatedImports
from backfleet.code.kept_code import KeptCode
from backfleet.code.packages import OWN, CodePackage, strategy_packages
from backfleet.code.source_diff import diff_sources, kept_sources, package_sources
from backfleet.code.trusted_code import check_file_trust, check_trust, is_own_file, untrusted_code
from backfleet.code.wheel import pack
from backfleet.errors import PluginError, RunNotFound
from backfleet.plan.code_differences import (
    CodeDifference,
    code_differences,
    platform_differences,
)
from backfleet.plan.task_context import TaskContext
from backfleet.runs.rerun_inputs import DataPaths, data_paths, default_submission, newest_submission
from backfleet.runs.run import Run
from backfleet.strategy_reference import StrategyReference
from backfleet.submission import StoredCode, Submission
from backfleet.submissions.prepare import import_paths

__all__ = [
    "CodeChoice",
    "TaskCode",
    "diff_with_code_here",
    "find_task_code",
    "with_code_to_resume",
]

CodeChoice = Literal["kept", "here"]


@dataclass(frozen=True)
class TaskCode:
    """The code with which tasks of a stored run run again.

    Attributes
    ----------
    run
        The run.
    strategy
        The strategy, where this machine has it.
    packages
        The packages of the run's store that are used; empty if all code is found here.
    folders
        Where the code is, if it is not installed: first on `sys.path`.
    differences
        What differs from the plan: libraries, backfleet itself, code that is found here.
    """

    run: Run
    strategy: StrategyReference
    packages: tuple[StoredCode, ...] = ()
    folders: Sequence[str] = ()
    differences: Sequence[CodeDifference] = ()

    def context(self, data: Sequence[str] = (), engine: str | None = None) -> TaskContext:
        """Return the context to run tasks with this code.

        Parameters
        ----------
        data
            Where the data is instead of where the run's workers found it, as for `data_paths`.
        engine
            Another engine than the run's.

        Raises UserError if nothing says where the data is.
        """
        return TaskContext(
            self.run.manifest, self.strategy, *data_paths(self.run, data), engine=engine
        )

    def draft(self, data: Sequence[str] | None = None) -> Submission:
        """Return a submission of the run with this code, without executor, shards and number.

        It has the resources of the newest submission, or the default ones. Without `data`, it does
        not say where the data is.
        """
        # An imported run has no submission.
        newest = newest_submission(self.run) or default_submission(self.run)
        paths = DataPaths("", {}, None) if data is None else data_paths(self.run, data)
        return replace(
            newest,
            strategy=self.strategy,
            data_path=paths.data,
            auxiliary_paths=paths.feeds,
            facts_path=paths.facts,
            retry=False,
            detach=False,
            code=self.packages or None,
            paths=import_paths(self.strategy),
        )


def find_task_code(
    run: Run, choice: CodeChoice = "kept", trust_code: Sequence[str] = ()
) -> TaskCode:
    """Return the code with which tasks of a run run again: the run's own, or the code found here.

    Nothing is imported. Code that is not kept is always found here.

    Parameters
    ----------
    trust_code
        SHA-256 of code that the run's store keeps or names, and that may run.

    Raises
    ------
    UntrustedCode
        If the run's code comes from somebody else.
    PluginError
        If it is missing, damaged, or not the code that the run was planned with.
    """
    kept = run.kept_code if choice == "kept" else None
    if kept is None or not kept.packages:
        found_here = _code_found_here(run)
        # The store may be a stranger's and name any file of this machine as its strategy.
        check_file_trust(run.url, found_here.strategy, trust_code)
        return found_here
    differences = platform_differences(run.manifest.identity)
    # Consent comes before the code is fetched and long before it is imported.
    check_trust(run.url, _code_to_accept(run, kept), trust_code)
    fetched = fetch_code(run.store, kept.packages)
    strategy = _fetched_strategy(run, kept, fetched, trust_code)
    # The comparison looks modules up by name. In isolation it finds those in the fetched folders,
    # not those that this process has imported from elsewhere.
    imports = IsolatedImports(fetched.folders)
    with imports.active():
        code = code_differences(run.manifest.identity, strategy)
        _reject_other_code(run, fetched, code)
    return TaskCode(run, strategy, kept.packages, fetched.folders, [*differences, *code])


def with_code_to_resume(run: Run, trust_code: Sequence[str], draft: Submission) -> Submission:
    """Return the draft of a submission with the code that the missing tasks of a run need.

    Its workers run with the code found here if it is the run's, otherwise with the run's own.

    Raises
    ------
    UntrustedCode
        If the code that would run comes from somebody else.
    PluginError
        If backfleet, a library or code that is not kept differs from the plan: the rows of a run
        come from the same code.
    """
    differences, kept_code = _code_found_here(run).differences, run.kept_code
    has_code = kept_code is not None and kept_code.packages
    # Another library or platform cannot be replaced by kept code, so asking for consent to it would
    # be in vain.
    if differences and has_code and not platform_differences(run.manifest.identity):
        kept = find_task_code(run, "kept", trust_code)
        if not kept.differences:
            return replace(draft, code=kept.packages)
        differences = kept.differences
    if differences:
        raise PluginError(
            f"{run.url} cannot be resumed here: {'; '.join(map(str, differences))}. Install what "
            "the run was planned with, or run the job again to plan a new run"
        )
    check_file_trust(run.url, draft.strategy, trust_code)
    # Not the stored paths: who wrote the store would choose what the workers import.
    return replace(draft, code=None, paths=import_paths(draft.strategy))


def strategy_here(run: Run) -> StrategyReference:
    """Return the strategy as the newest submission found it. Raises RunNotFound, PluginError."""
    submission = newest_submission(run)
    if submission is not None:
        folder = submission.strategy.folder
        if folder is not None and not os.path.isabs(folder):
            # It would lead into whatever directory this process is in, such as the store's.
            raise PluginError(
                f"{run.url}: the newest submission names a relative folder: {folder!r}"
            )
        return submission.strategy
    kept = run.kept_code
    if kept is None or kept.is_folder:
        raise RunNotFound(
            f"{run.url} was never submitted from here, so the file of its strategy is unknown"
        )
    return kept.strategy


def _code_found_here(run: Run) -> TaskCode:
    """Return the code found here, which a stranger's store may have named."""
    identity, strategy = run.manifest.identity, strategy_here(run)
    differences = [*platform_differences(identity), *code_differences(identity, strategy)]
    # A module that was imported before an edit is no longer the code found here.
    folders = [strategy.folder] if strategy.folder else []
    return TaskCode(run, strategy, folders=folders, differences=differences)


def _code_to_accept(run: Run, kept: KeptCode) -> list[StoredCode]:
    """Return the kept packages that this user has not submitted or accepted, and that are not the
    code found here."""
    unknown = untrusted_code(kept.packages)
    # Packing reads all files of the code, and usually nothing is unknown.
    here = _hashes_here(run) if unknown else ()
    return [package for package in unknown if package.sha256 not in here]


def diff_with_code_here(run: Run) -> list[str]:
    """Return a unified diff from the run's kept code to the code found here.

    Raises PluginError if one of them cannot be read.
    """
    kept = run.kept_code
    if kept is None or not kept.packages:
        return []
    here = _packages_here(run)
    names = {package.name for package in kept.packages}
    try:
        sources = package_sources(package for package in here if package.name in names)
    except OSError as error:
        raise PluginError(f"the code found here cannot be read: {error}") from error
    return diff_sources(kept_sources(run.store, kept), sources, ("run", "here"))


def _hashes_here(run: Run) -> Collection[str]:
    """Return the SHA-256 of the wheels that a submit from here would keep.

    A file that the store names by its path is not the code found here unless it is this user's.
    """
    try:
        strategy, packages = strategy_here(run), _packages_here(run)
        if strategy.folder is not None and not is_own_file(strategy):
            folder = Path(strategy.folder)
            packages = [package for package in packages if not _reaches_into(package, folder)]
        # `pack` is reproducible: equal files give equal bytes.
        return {sha256(pack(package)).hexdigest() for package in packages}
    # Code that cannot be read here accepts nothing.
    except (PluginError, RunNotFound, OSError):
        return ()


def _packages_here(run: Run) -> Sequence[CodePackage]:
    targets = [component.target for _, component in run.manifest.identity.components()]
    strategy = strategy_here(run)
    packages = strategy_packages(strategy, targets)
    return add_declared_files(packages, strategy, run.manifest.identity.files)


def _reaches_into(package: CodePackage, folder: Path) -> bool:
    return any(file.is_relative_to(folder) for file in package.files.values())


def _fetched_strategy(
    run: Run, kept: KeptCode, fetched: FetchedCode, trust_code: Sequence[str]
) -> StrategyReference:
    if not kept.is_folder:
        return kept.strategy
    if fetched.folder is None:
        # The folder is too large to be kept.
        strategy = strategy_here(run)
        check_file_trust(run.url, strategy, trust_code)
        return strategy
    return replace(kept.strategy, folder=fetched.folder)


def _reject_other_code(
    run: Run, fetched: FetchedCode, differences: Sequence[CodeDifference]
) -> None:
    """Raise PluginError if the kept code is not the code of the plan.

    The hashes also cover the modules of backfleet that the code imports, so only the same
    backfleet can tell.
    """
    folders = [Path(folder) for folder in fetched.folders]
    # Only modules in the fetched folders are kept code. Other differences are reported to the
    # caller.
    kept = [d for d in differences if _comes_from(d.module, folders)]
    if kept and _has_same_backfleet(run):
        raise PluginError(
            f"{run.url}: the kept code is not the code that the run was planned with ({kept[0]}). "
            "Do not trust this run; --code here uses the code found here"
        )


def _has_same_backfleet(run: Run) -> bool:
    planned = {package.name: package.content for package in run.manifest.distributions}
    return planned.get(OWN) == distribution_hashes([OWN]).get(OWN)


def _comes_from(module: str, folders: Sequence[Path]) -> bool:
    if module.endswith(".py"):
        return any((folder / module).is_file() for folder in folders)
    # Only the top: for a module in a package, its packages would be imported.
    spec = importlib.util.find_spec(module.partition(".")[0]) if module else None
    if spec is None:
        return False
    places = [*(spec.submodule_search_locations or []), *([spec.origin] if spec.origin else [])]
    return any(Path(place).is_relative_to(folder) for place in places for folder in folders)
