"""The proof of an adoption: the job's final values are those of the script, as exact floats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backfleet.adopt.observation import ObservedPoint, ObservedRun
from backfleet.errors import UserError
from backfleet.job import Job
from backfleet.runs.start import run

__all__ = ["JobResult", "PointComparison", "RunJob", "compare", "load_job", "run_adopted_job"]


@dataclass(frozen=True)
class JobResult:
    """The end of one task: `repr` of the account's final value, or the error that it ended with.

    `params` has JSON of each parameter that the job sets.
    """

    params: Mapping[str, str]
    final_value: str | None
    error: str = ""


@dataclass(frozen=True)
class PointComparison:
    """Final values of one point in the script and in the job: numbers, "skipped" or an error."""

    params: Mapping[str, str]
    script: str
    job: str

    @property
    def is_equal(self) -> bool:
        return self.script == self.job


SKIPPED = "StrategySkipError"

RunJob = Callable[[Path, Path], Sequence[JobResult]]


def run_adopted_job(job_file: Path, store: Path) -> Sequence[JobResult]:
    """Run a job on the local executor, with its results in `store`.

    Raises UserError if a task has no result.
    """
    from backfleet.chunks.column_names import parameter_column

    job = load_job(job_file, store)
    # Without reuse: a proof has to compute.
    finished = run(job, progress=None, reuse=False)
    names = finished.manifest.points.names
    results = []
    for row in finished.results().to_dict("records"):
        params = {name: json.dumps(row[parameter_column(name)]) for name in names}
        failed = row["status"] == "error"
        # Two floats have the same shortest text only if they are equal to the last bit; NaN equals
        # NaN.
        value = None if failed else repr(float(row["final_value"]))
        results.append(JobResult(params, value, str(row["error"]) if failed else ""))
    # Their workers ended before they could store a row, so no row has the error.
    if len(results) < finished.manifest.tasks:
        failures = [f"{failure.kind}: {failure.message}" for failure in finished.failures()]
        raise UserError("; ".join(dict.fromkeys(failures)) or "its workers gave up")
    return results


def load_job(job_file: Path, store: Path) -> Job:
    """Load a job, with its results in another store."""
    job = Job.load(job_file)
    return job.model_copy(update={"results": job.results.model_copy(update={"store": str(store)})})


def compare(observed: ObservedRun, results: Sequence[JobResult]) -> list[PointComparison]:
    """Return each point of the script with that of the job."""
    return [
        PointComparison(point.params, point.final_value or "skipped", _job_text(point, results))
        for point in observed.points
    ]


def _job_text(point: ObservedPoint, results: Sequence[JobResult]) -> str:
    for result in results:
        if all(result.params.get(name) == text for name, text in point.params.items()):
            if result.final_value is not None:
                return result.final_value
            # backtrader passes over a strategy that raises this error; a task reports it.
            return "skipped" if SKIPPED in result.error else result.error
    return "no task"
