"""The job that compacts the results of a large run, after all of its workers have succeeded.

It has a job definition and a role of its own, and runs no strategy: workers cannot write results,
and it can write nothing else. If a worker fails, AWS Batch drops the job, and the submission that
`resume` makes has another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backfleet.executor import Submission
from backfleet_executors.aws.batch.arrays import name_prefix

__all__ = ["compaction_name", "compaction_request", "run_url"]

MAX_DEPENDENCIES = 20
"""Jobs that a job of AWS Batch may depend on."""

SIZE = {"VCPU": "1", "MEMORY": "4096"}
ATTEMPTS = 3
SECONDS = 6 * 3600


def compaction_name(run: str, number: int) -> str:
    """Return the name of the job that compacts the results of a submission's run."""
    # Not a name of workers, or a client that looks for lost handles would take it for an array.
    return f"{name_prefix(run)}{number}-compaction"


def run_url(submission_url: str) -> str:
    """Return the location of a submission's run, which the command of the job names."""
    # The submission is at `RUN/submissions/N.json`.
    return submission_url.rpartition("/submissions/")[0]


def compaction_request(
    submission: Submission,
    definition: str | None,
    queue: str,
    jobs: Sequence[str],
    tags: Mapping[str, str],
) -> dict[str, Any] | None:
    """Return what SubmitJob is called with; None if the client is to compact the results.

    `jobs` are those of the workers.
    """
    # More jobs than AWS Batch lets one depend on: waiting for a part of them would compact too
    # early.
    if definition is None or not submission.is_large or len(jobs) > MAX_DEPENDENCIES:
        return None
    return {
        "jobName": compaction_name(submission.run_id, submission.number),
        "jobQueue": queue,
        "jobDefinition": definition,
        "dependsOn": [{"jobId": job} for job in jobs],
        # Without rules every failure is tried again: it runs no strategy, so none is bound to
        # repeat.
        "retryStrategy": {"attempts": ATTEMPTS},
        "timeout": {"attemptDurationSeconds": SECONDS},
        "tags": dict(tags),
        "propagateTags": True,
        "containerOverrides": {
            "command": ["compact", run_url(submission.url)],
            "resourceRequirements": [
                {"type": kind, "value": value} for kind, value in SIZE.items()
            ],
        },
    }
