"""Finding the jobs of a run whose client kept no handle, by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backfleet.sdk import SHARDS
from backfleet_executors.aws.batch.arrays import ShardArray, name_prefix, parse_name
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.price_tags import max_cost_of, price_of

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

__all__ = ["SHARDS_TAG", "handles_of_run"]

SHARDS_TAG = "backfleet:shards"
"""How many shards a submission has in all."""


def handles_of_run(
    calls: BatchCalls, run: str, queues: Sequence[str], settings: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield a handle for each submission of a run that AWS Batch has jobs of.

    If a name occurs twice, because the answer to a submission came too late, the handle has the
    first job. The other one does the same work again, and its commits are equal. Raises
    ExecutorError.
    """
    jobs_by_submission: dict[tuple[int, str], dict[str, tuple[str, JobDetailTypeDef]]] = {}
    for queue in queues:
        summaries = list(calls.named(queue, f"{name_prefix(run)}*"))
        # A handle comes from tags, command and limits, which only a job's description has.
        jobs = calls.describe([summary["jobId"] for summary in summaries])
        # Oldest first, so that `setdefault` keeps the first of two jobs with one name.
        for job in sorted(jobs.values(), key=lambda job: job.get("createdAt", 0)):
            # The prefix also matches the compaction job, whose name `parse_name` rejects. It needs
            # no place in a handle that is adopted: the client compacts the results, which come out
            # equal.
            parsed = parse_name(job["jobName"])
            if parsed is not None and parsed[0] == run:
                submission = parsed[1], _url(job)
                jobs_by_submission.setdefault(submission, {}).setdefault(
                    job["jobName"], (queue, job)
                )
    # The queues are merged here: a submission has arrays on Spot and on demand.
    for (number, url), named in sorted(jobs_by_submission.items()):
        yield {"url": url, **_handle(run, number, list(named.values()), settings)}


def _handle(
    run: str,
    number: int,
    jobs: Sequence[tuple[str, JobDetailTypeDef]],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    arrays = [
        ShardArray(run, number, _shards(job), queue, job["jobId"]).to_json() for queue, job in jobs
    ]
    # All jobs of a submission have the same shape, price and count of shards.
    first = jobs[0][1]
    timeout = first.get("timeout", {}).get("attemptDurationSeconds", 0)
    price = price_of(first.get("tags", {}))
    parts = (max_cost_of(job.get("tags", {})) for _, job in jobs)
    # Each job's tag holds its own part of the limit.
    limits = [part for part in parts if part is not None]
    return {
        "run": run,
        "number": number,
        # The tag also counts shards whose array was never submitted because the client ended first.
        # Without it, the highest shard that a job names is the best guess.
        "shards": int(first.get("tags", {}).get(SHARDS_TAG, 0)) or _count(arrays),
        "arrays": arrays,
        # AWS Batch gives milliseconds since 1970.
        "submitted": first.get("createdAt", 0) / 1000,
        "limits": {"memory": _memory(first), "timeout": timeout},
        "settings": dict(settings),
        "price": None if price is None else asdict(price),
        "max_cost": sum(limits) if limits else None,
    }


def _url(job: JobDetailTypeDef) -> str:
    """Return the location of the submission that a job's command names."""
    # The command is `worker URL`, followed by the shard in a plain job. Not the URL of the store
    # asked about: the same run may be in several stores.
    return str(job["container"]["command"][1])


def _shards(job: JobDetailTypeDef) -> str:
    """Return the shards of a job as ranges."""
    container = job.get("container", {})
    environment = {
        variable["name"]: variable["value"] for variable in container.get("environment", ())
    }
    if SHARDS in environment:
        return str(environment[SHARDS])
    # Without the variable an array holds all shards from 0, and a plain job names its only one.
    size = job.get("arrayProperties", {}).get("size")
    return f"0-{size - 1}" if size else str(container["command"][-1])


def _memory(job: JobDetailTypeDef) -> int:
    needs = job.get("container", {}).get("resourceRequirements", ())
    return next((int(float(need["value"])) for need in needs if need["type"] == "MEMORY"), 0)


def _count(arrays: Sequence[Mapping[str, str]]) -> int:
    return 1 + max(int(array["shards"].replace(",", "-").rpartition("-")[2]) for array in arrays)
