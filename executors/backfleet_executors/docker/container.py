"""The configuration of a worker's container: limits, locks, mounts, labels."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from backfleet.executor import Submission
from backfleet_executors.docker.image import Image
from backfleet_executors.docker.mounts import SCRATCH, Binding, is_path
from backfleet_executors.docker.settings import DockerSettings

if TYPE_CHECKING:
    from docker import APIClient

__all__ = [
    "LABEL",
    "STOP_SECONDS",
    "SUPERVISOR_BYTES",
    "ContainerPlan",
    "create_container",
    "deal_shards",
    "owner",
]

LABEL = "backfleet."
"""Begins the name of every label."""

SUPERVISOR_BYTES = 512 * 2**20
"""Bytes beside `resources.memory`, for the process that supervises a worker's children."""

CPU_PERIOD_US = 100_000
"""Microseconds over which a container's processors are counted: `resources.cpus` for the children,
and one more for the process that supervises them, which has most to do while they start."""

STOP_SECONDS = 20
"""Seconds in which a worker ends after a request to stop."""

MAX_LOG_SIZE = "10m"


@dataclass(frozen=True)
class ContainerPlan:
    """The configuration that all containers of a submission share."""

    submission: Submission
    settings: DockerSettings
    image: Image
    bindings: Sequence[Binding]

    @property
    def limit(self) -> int:
        """Bytes that a container may use; its scratch lies in memory too."""
        return self.submission.memory + SUPERVISOR_BYTES + self.settings.scratch

    @property
    def network(self) -> str:
        run = self.submission.url
        # With store and data in mounted directories, strategy code needs no network and gets none.
        return "none" if all(map(is_path, [run, *self.submission.data])) else self.settings.network

    @property
    def user(self) -> str | None:
        """The user of the containers: the caller, if they write to a directory of the caller."""
        # Otherwise files in the store would belong to the user of the image, and the caller could
        # not remove them.
        return f"{os.getuid()}:{os.getgid()}" if self.bindings else None

    @property
    def handle(self) -> dict[str, Any]:
        """The part of the handle that is known before there are containers."""
        return {
            "number": self.submission.number,
            "run": self.submission.run_id,
            "url": self.submission.url,
            "settings": self.settings.model_dump(mode="json", exclude_unset=True),
        }

    def labels(self, shards: Sequence[int]) -> dict[str, str]:
        facts = {
            "run": self.submission.run_id,
            "submission": self.submission.number,
            "shards": ",".join(map(str, shards)),
            "version": version("backfleet"),
            "url": self.submission.url,
            "memory": self.submission.memory,
            "owner": owner(),
            "handle": json.dumps(self.handle),
        }
        return {LABEL + name: str(fact) for name, fact in facts.items()}

    def name(self, shards: Sequence[int]) -> str:
        run, number = self.submission.run_id, self.submission.number
        # The random part, because names are unique on an engine and the same run may be submitted
        # to several stores.
        return f"backfleet-{run[:8]}-{number}-{shards[0]}-{os.urandom(4).hex()}"


def owner() -> str:
    """Return the label of who starts containers: those of other users are left alone."""
    return f"{os.getuid()}@{socket.gethostname()}"


def deal_shards(shards: int, containers: int) -> list[list[int]]:
    """The shards of each container, dealt out in turn."""
    count = min(shards, containers)
    return [list(range(first, shards, count)) for first in range(count)]


def create_container(
    client: APIClient,
    plan: ContainerPlan,
    shards: Sequence[int],
    command: Sequence[str] | None = None,
) -> str:
    """Create, and not start, the container that runs these shards, or another command; its id."""
    work = ["worker", plan.submission.url, *map(str, shards)]
    made: Mapping[str, Any] = client.create_container(
        plan.image.id,
        command=list(command or work),
        name=plan.name(shards),
        user=plan.user,
        environment=_environment(plan.settings.environment),
        labels=plan.labels(shards),
        stop_timeout=STOP_SECONDS,
        host_config=_host_config(client, plan),
    )
    return str(made["Id"])


def _environment(names: Sequence[str]) -> dict[str, str]:
    # `preflight` has reported the variables that are not set.
    passed = {name: os.environ[name] for name in names if name in os.environ}
    # The scratch is the only place in a container that everyone can write to.
    return {"HOME": SCRATCH, "TMPDIR": SCRATCH} | passed


def _host_config(client: APIClient, plan: ContainerPlan) -> dict[str, Any]:
    from docker.types import LogConfig, Mount

    mounts = [
        Mount(binding.target, binding.source, type="bind", read_only=not binding.writable)
        for binding in plan.bindings
    ]
    # The caller may be able to write to the store by a supplementary group only.
    groups = [str(group) for group in os.getgroups()] if plan.user else None
    config: dict[str, Any] = client.create_host_config(
        mounts=mounts,
        group_add=groups,
        network_mode=plan.network,
        mem_limit=plan.limit,
        # As much with swap as without: what is too large is to be killed, not to crawl.
        memswap_limit=plan.limit,
        cpu_period=CPU_PERIOD_US,
        cpu_quota=CPU_PERIOD_US * (plan.submission.cpus + 1),
        pids_limit=plan.settings.pids,
        # From here on, the limits on hostile strategy code: no writing to the image, no
        # capabilities, no new privileges.
        read_only=True,
        tmpfs={SCRATCH: f"rw,nosuid,nodev,mode=1777,size={plan.settings.scratch}"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        # The first process of a container must gather what hostile ones leave behind.
        init=True,
        log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": MAX_LOG_SIZE}),
    )
    return config
