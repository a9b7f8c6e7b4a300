"""What a job asks of whatever runs it: a host process or a container."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Attempt", "CannotStart", "Ended", "Runner", "Task"]

ENDED = "Essential container in task exited"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@dataclass(frozen=True)
class Attempt:
    """One attempt of a job, as it is to be started.

    Attributes
    ----------
    memory
        MiB; None for no limit.
    properties
        The job definition's container properties.
    """

    job: str
    number: int
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    vcpus: float | None
    memory: int | None
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """How an attempt has ended, in the fields of DescribeJobs."""

    exit_code: int | None
    reason: str | None = None
    status_reason: str = ENDED


class CannotStart(Exception):
    """The image, or the command in it, cannot be started."""

    def __init__(self, reason: str, exit_code: int | None = None) -> None:
        super().__init__(reason)
        self.ended = Ended(exit_code, reason[:255], "Task failed to start")


class Task(ABC):
    """An attempt that has been started."""

    @abstractmethod
    def lines(self) -> Sequence[str]:
        """What it has written since the last call."""

    @abstractmethod
    def ended(self) -> Ended | None:
        """How it has ended; None while it runs."""

    @abstractmethod
    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when it has ended."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL."""

    @abstractmethod
    def remove(self) -> None:
        """Leave nothing of it behind."""


class Runner(ABC):
    """Starts attempts."""

    @abstractmethod
    def start(self, attempt: Attempt) -> Task:
        """Raises CannotStart."""
