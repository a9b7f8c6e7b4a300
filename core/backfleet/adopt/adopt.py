"""From a script to a folder with a job that has the script's final value."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from backfleet.adopt.choice import choose_run
from backfleet.adopt.data_files import AdoptedData, DataWriter
from backfleet.adopt.job_file import job_text
from backfleet.adopt.observation import ObservedRun
from backfleet.adopt.proof import PointComparison, RunJob, compare, run_adopted_job
from backfleet.adopt.script import Ending, Script, read_observation, run_in_child
from backfleet.adopt.strategy_file import StrategyFile, strategy_file
from backfleet.errors import BackfleetError, UserError

__all__ = ["Adoption", "Request", "adopt"]

RunScript = Callable[[Script, Path], Ending]


@dataclass(frozen=True)
class Request:
    """The script to adopt, and the choices of the user.

    Attributes
    ----------
    script
        The script.
    folder
        The folder to write.
    run
        Which of the script's runs, counted from 1; None for the only one.
    strict
        Refuse what a job has no key for.
    """

    script: Script
    folder: Path
    run: int | None = None
    strict: bool = False


@dataclass(frozen=True)
class Adoption:
    """A script that became a job.

    Attributes
    ----------
    run
        What the script did.
    comparisons
        The script's final values beside the job's, one per point.
    reasons
        What is in the generated subclass of the strategy.
    notes
        What else a reader should know.
    """

    run: ObservedRun
    data: AdoptedData
    strategy: StrategyFile
    comparisons: Sequence[PointComparison]
    reasons: Sequence[str]
    notes: Sequence[str]

    @property
    def is_equal(self) -> bool:
        return all(comparison.is_equal for comparison in self.comparisons)


def adopt(
    request: Request, run_script: RunScript = run_in_child, prove: RunJob = run_adopted_job
) -> Adoption:
    """Run a script, write a job that does the same, and compare their final values.

    The folder appears whole, or not at all; it also appears if the values differ.

    Raises
    ------
    UserError
        If the script cannot be adopted; nothing was written.
    """
    # Before the script runs, which can take minutes.
    _check(request)
    try:
        # In the file system of the folder that will appear, since only there a rename moves it
        # whole. A name has 255 bytes at most, so the prefix takes a part of the folder's.
        with tempfile.TemporaryDirectory(
            prefix=f".{request.folder.name[:60]}-", dir=request.folder.absolute().parent
        ) as scratch:
            return _Work(request, Path(scratch), run_script, prove).adopted()
    except OSError as error:
        raise UserError(
            f"{request.folder} cannot be written: {error.strerror or error}. Name another folder"
        ) from error


def _check(request: Request) -> None:
    script, folder = request.script.path, request.folder
    if not script.is_file():
        raise UserError(f"there is no script {script}. Name a Python file that runs a backtest")
    if script.suffix == ".ipynb":
        raise UserError(
            f"{script} is a notebook. Save its code as a Python file, for example with 'jupyter "
            f"nbconvert --to script {script}', and adopt that"
        )
    if not request.script.timeout > 0:
        raise UserError(f"--timeout {request.script.timeout:g} must be more than 0 seconds")
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} exists already; name another folder with -o, or remove it")
    if not folder.absolute().parent.is_dir():
        raise UserError(f"there is no folder {folder.absolute().parent}; create it first")


@dataclass(frozen=True)
class _Work:
    """One adoption, in a scratch folder beside the one that will appear."""

    request: Request
    scratch: Path
    run_script: RunScript
    prove: RunJob

    def adopted(self) -> Adoption:
        ending, runs = self._observe("script")
        # From here on, everything is about one run of the script.
        position = choose_run(runs, self.request.run, str(self.request.script.path))
        run = runs[position]
        self._refuse(run.refusals)
        if self.request.strict:
            self._refuse([f"a job has no key for {item.reason}" for item in run.statements])
        # The child has left the lines of the feeds in the folder of this observation.
        writer = DataWriter(run.feeds, self.scratch / "script", position)
        strategy = strategy_file(self.request.script.path, run, writer.names)
        self._refuse(strategy.refusals)
        made, data, comparisons = self._proven(run, strategy, writer)
        notes = [*run.notes, *self._notes(ending, writer)]
        if not all(comparison.is_equal for comparison in comparisons):
            # First, because a script with another value each time can equal no job.
            self._refuse_chance(runs)
            notes.append(
                "a second run of the script gave the same value. Typical causes are settings that "
                "the script changes while it runs, and the order of feeds with times of several "
                "kinds"
            )
        # The last step: until here, an error leaves nothing behind.
        os.rename(made, self.request.folder)
        reasons = [statement.reason for statement in run.statements]
        return Adoption(run, data, strategy, comparisons, reasons, notes)

    def _observe(self, name: str) -> tuple[Ending, Sequence[ObservedRun]]:
        folder = self.scratch / name
        folder.mkdir()
        ending = self.run_script(self.request.script, folder)
        return ending, read_observation(self.request.script, folder, ending)

    def _refuse(self, reasons: Sequence[str]) -> None:
        if reasons:
            lines = "".join(f"\n  {reason}" for reason in dict.fromkeys(reasons))
            raise UserError(f"{self.request.script.path} cannot become a job:{lines}")

    def _sources(self, strategy: StrategyFile) -> str:
        folder = self.request.script.path.absolute().parent
        texts = [(folder / module).read_text("utf-8", "replace") for module in strategy.modules]
        return "\n".join([strategy.text, *texts])

    def _proven(
        self, run: ObservedRun, strategy: StrategyFile, writer: DataWriter
    ) -> tuple[Path, AdoptedData, list[PointComparison]]:
        """Write the folder and run its job; longer bars come from the job if they are the same."""
        # The shorter job is tried first: its longer bars are made from the symbol's own and need no
        # file.
        if writer.can_resample:
            made = self._written("resampling", run, strategy, writer, resample=True)
            comparisons = self._compared(made[0], run)
            if all(comparison.is_equal for comparison in comparisons):
                return *made, comparisons
        made = self._written("exported", run, strategy, writer, resample=False)
        return *made, self._compared(made[0], run)

    def _written(
        self, name: str, run: ObservedRun, strategy: StrategyFile, writer: DataWriter, *,
        resample: bool,
    ) -> tuple[Path, AdoptedData]:  # fmt: skip
        script = self.request.script
        folder = self.scratch / name
        folder.mkdir()
        data = writer.write(folder / "data", self._sources(strategy), resample=resample)
        strategy.write(folder, script.path.absolute().parent)
        reference = f"{strategy.name}:{strategy.class_name}"
        origin = shlex.join([script.path.name, *script.arguments])
        text = job_text(_job_name(script.path), reference, run, data, origin, writer.names)
        (folder / "job.toml").write_text(text, "utf-8")
        return folder, data

    def _compared(self, folder: Path, run: ObservedRun) -> list[PointComparison]:
        # The proof's run vanishes with the scratch folder.
        store = self.scratch / f"runs-{folder.name}"
        try:
            return compare(run, self.prove(folder / "job.toml", store))
        except BackfleetError as error:
            # The user never sees the scratch folder.
            reason = str(error).replace(f"{folder}/", "")
            raise UserError(
                f"{self.request.script.path} cannot become a job. The job that was written cannot "
                f"run: {reason}"
            ) from error

    def _notes(self, ending: Ending, writer: DataWriter) -> list[str]:
        notes = []
        if ending.failure is not None:
            notes.append(f"the script failed after the run: {ending.failure}")
        for before, after in writer.names.items():
            was = f"the feed {before!r}" if before else "the feed without a name"
            notes.append(f"{was} is called {after} in the job")
        return notes

    def _refuse_chance(self, first: Sequence[ObservedRun]) -> None:
        """Run the script once more: some give another value each time."""
        _, second = self._observe("again")
        values = [
            [point.final_value for run in runs for point in run.points] for runs in (first, second)
        ]
        # The second time, there may be fewer runs or points.
        for before, after in zip_longest(*values):
            if before != after:
                self._refuse(
                    [
                        f"its final value was {before}, and {after} when it ran again. If it uses "
                        "random numbers, give them a fixed seed in the strategy's __init__"
                    ]
                )


def _job_name(script: Path) -> str:
    # As `rules.job_name` accepts it.
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", script.stem).strip("._-")[:64]
    return name or "adopted"
