"""Settings of the executor `aws-batch`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backfleet.errors import ExecutorError
from backfleet.executor import ExecutorSettings
from backfleet_executors.aws.prices import Price

__all__ = ["INHERITED", "NO_TEAM", "TEAM_TAG", "AwsBatchSettings", "inherited", "required"]

TEAM_TAG = "backfleet:team"
"""The tag by which roles distinguish the jobs of teams."""

NO_TEAM = "all"
"""The value of the tag without the setting `team`, and the name of the stack's own team."""

# Names and locations only: what may be spent, and how long workers may take, is decided by whoever
# submits. A handle can come from a stranger.
INHERITED = (
    "region",
    "queue",
    "on_demand_queue",
    "job_definition",
    "compaction_definition",
    "store",
    "data",
    "image",
    "log_group",
    "team",
    "architecture",
)
"""What a later submission of a run takes from an earlier one, where it is not set."""


class AwsBatchSettings(ExecutorSettings):
    """Settings of the executor `aws-batch`; `backfleet aws deploy` writes those of its stack."""

    region: str | None = Field(default=None, description="AWS region; AWS_REGION if unset")
    queue: str | None = Field(default=None, description="job queue that is tried first: Spot")
    on_demand_queue: str | None = Field(
        default=None, description="job queue for workers that Spot interrupted too often"
    )
    job_definition: str | None = Field(
        default=None, description="job definition; its newest revision is pinned at a submission"
    )
    compaction_definition: str | None = Field(
        default=None,
        description="job definition that compacts large results; the client does it if unset",
    )
    store: str | None = Field(
        default=None, description="s3:// place of runs whose job names a directory"
    )
    data: str | None = Field(default=None, description="s3:// place that local data is pushed to")
    image: str | None = Field(default=None, description="the workers' image, by digest")
    log_group: str | None = Field(
        default=None, description="CloudWatch log group; the job definition's if unset"
    )
    architecture: Literal["amd64", "arm64"] = Field(
        default="amd64", description="architecture of the workers' image"
    )
    team: str | None = Field(
        default=None,
        pattern="^[a-z][a-z0-9]{0,15}$",
        description="team whose share of the queues and whose tag the jobs get",
    )
    max_cost: float | None = Field(
        default=None,
        ge=0,
        description="amount that a submission may cost without --yes, in the currency of the price",
    )
    price: Price | None = Field(
        default=None, description="price of a region; 'backfleet aws prices' writes it"
    )
    shard_minutes: float = Field(
        default=4, gt=0, le=60, description="minutes of work that a worker should get"
    )
    workers: int | None = Field(
        default=None, ge=1, description="how many workers; by shard_minutes if unset"
    )
    timeout_minutes: float | None = Field(
        default=None,
        ge=1,
        description="longest that one attempt of a worker may take; by its expected time if unset",
    )
    attempts: int = Field(default=5, ge=1, le=10, description="attempts of a worker in one queue")

    @property
    def uses_spot(self) -> bool:
        """Whether there is a queue to fall back on; without Spot both settings name one queue."""
        # `queue` alone need not be on Spot; the price on demand is the cautious one.
        return self.on_demand_queue is not None and self.queue != self.on_demand_queue


def required(settings: AwsBatchSettings, name: str) -> str:
    """Return a setting that must be set. Raises ExecutorError."""
    value: str | None = getattr(settings, name)
    if not value:
        raise ExecutorError(
            f"executor 'aws-batch': {name} is not set; run 'backfleet aws deploy', which writes it "
            f"into backfleet.toml, or pass -o {name}=..."
        )
    return value


def inherited(settings: AwsBatchSettings, region: str) -> dict[str, Any]:
    """Return the settings that the handle of a submission keeps.

    `region` is that of the jobs, which the environment names where no setting does: the handle may
    be read in another environment.
    """
    return {name: getattr(settings, name) for name in INHERITED} | {"region": region}
