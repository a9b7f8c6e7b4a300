"""Probes of `doctor --live` in containers with the role of workers, and S3's expected answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backfleet.executor import Finding, FindingStatus
from backfleet.store import KEYS

__all__ = ["Probe", "probes_of"]


@dataclass(frozen=True)
class Probe:
    """An object that a worker reads, by the URL of a submission that it is started for.

    Attributes
    ----------
    expected
        The error that its log must name.
    success, failure
        The texts of the finding.
    """

    subject: str
    url: str
    expected: str
    success: str
    failure: str

    def finding(self, lines: Sequence[str]) -> Finding:
        """Return what the log of the container shows."""
        # A worker that cannot read its submission writes one line, `NAME OF THE ERROR: ...`, and
        # ends.
        if any(line.startswith(f"{self.expected}: ") for line in lines):
            return Finding(self.subject, FindingStatus.OK, self.success)
        said = lines[-1] if lines else "nothing"
        text = f"{self.failure}; the container wrote: {said}"
        return Finding(self.subject, FindingStatus.FAILURE, text, "run 'backfleet aws deploy'")


def probes_of(store: str) -> Sequence[Probe]:
    """Return what is tried for a store, `s3://bucket/prefix`. No object of these names exists."""
    # Keys are beside the prefix of the store, at the top of the bucket.
    bucket = "/".join(store.split("/")[:3])
    return (
        Probe(
            "keys of runs",
            f"{bucket}/{KEYS}/doctor-live/submissions/1.json",
            "AccessDenied",
            "workers cannot read them",
            "workers can read keys, and so forge results of other runs",
        ),
        Probe(
            "missing objects",
            f"{store}/doctor-live/none/submissions/1.json",
            "ObjectMissing",
            "workers see that an object is missing",
            "workers cannot tell a missing object from a denied one",
        ),
    )
