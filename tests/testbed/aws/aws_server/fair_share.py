"""The order in which a job queue starts its jobs, with a clock that a test may turn.

AWS documents the rules in words and promises no formula. This stand-in, and with it backfleet,
assumes these rules. `backfleet doctor --live` checks those that a few jobs can show:

1. A queue with a scheduling policy gives the next free vCPU to the share with the least use.
2. The use of a share is its vCPU-seconds times the weight of the share, running jobs included. It
   fades within `shareDecaySeconds`.
3. A share that comes up later begins with no use.
4. Within a share, a higher priority comes first, and then what was submitted first.
5. The children of an array are scheduled one by one, under the share of their parent.
6. Each queue counts for itself.
7. A queue without a policy starts its jobs in the order of their submission.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["JobOrder", "SchedulingPolicy", "Waiting"]

MIN_DECAY = 600.0


@dataclass(frozen=True)
class SchedulingPolicy:
    """A policy without a reservation, which would keep vCPU idle."""

    decay_seconds: float = MIN_DECAY
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> SchedulingPolicy:
        """Return the policy that a `fairsharePolicy` describes."""
        if document.get("computeReservation"):
            raise ValueError("a compute reservation, which nobody simulates")
        shares = document.get("shareDistribution") or ()
        weights = {share["shareIdentifier"]: share.get("weightFactor", 1.0) for share in shares}
        return cls(document.get("shareDecaySeconds") or MIN_DECAY, weights)

    def weight(self, share: str) -> float:
        for name, weight in self.weights.items():
            if share == name or (name.endswith("*") and share.startswith(name[:-1])):
                return weight
        return 1.0


@dataclass(frozen=True)
class Waiting:
    """A job, or a child of an array, that can start."""

    job: Any
    share: str = ""
    priority: int = 0
    vcpus: float = 1.0


@dataclass
class _Use:
    """vCPU-seconds that fade, and the vCPU that run."""

    seconds: float = 0.0
    running: float = 0.0
    at: float = 0.0

    def advance(self, now: float, decay: float) -> None:
        left = math.exp((self.at - now) / decay)
        self.seconds = self.seconds * left + self.running * decay * (1 - left)
        self.at = now


class JobOrder:
    """The jobs of one queue that wait, and the use of its shares."""

    def __init__(self, policy: SchedulingPolicy | None, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._numbers = itertools.count()
        self._waiting: dict[str, list[tuple[int, int, Waiting]]] = {}
        self._use: dict[str, _Use] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def use(self) -> Mapping[str, float]:
        """vCPU that run now, by share."""
        return {share: use.running for share, use in self._use.items() if use.running}

    def add(self, waiting: Waiting) -> None:
        share, priority = (waiting.share, waiting.priority) if self._policy else ("", 0)
        jobs = self._waiting.setdefault(share, [])
        heapq.heappush(jobs, (-priority, next(self._numbers), waiting))

    def start(self) -> Waiting:
        """Take the job that is next."""
        share = min(self._waiting, key=self._rank)
        _, _, waiting = heapq.heappop(self._waiting[share])
        if not self._waiting[share]:
            del self._waiting[share]
        self._used(share).running += waiting.vcpus
        return waiting

    def end(self, waiting: Waiting) -> None:
        """Count a job that runs no more."""
        self._used(waiting.share if self._policy else "").running -= waiting.vcpus

    def listed(self) -> list[Waiting]:
        """Return the waiting jobs of the shares, the share that is next first."""
        shares = sorted(self._waiting, key=self._rank)
        columns = [[entry[2] for entry in sorted(self._waiting[share])] for share in shares]
        rows = itertools.zip_longest(*columns)
        return [waiting for row in rows for waiting in row if waiting is not None]

    def _rank(self, share: str) -> tuple[float, float, int]:
        use = self._used(share)
        weight = self._policy.weight(share) if self._policy else 1.0
        return use.seconds * weight, use.running * weight, self._waiting[share][0][1]

    def _used(self, share: str) -> _Use:
        now = self._clock()
        use = self._use.setdefault(share, _Use(at=now))
        use.advance(now, self._policy.decay_seconds if self._policy else MIN_DECAY)
        return use
