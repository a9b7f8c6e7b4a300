"""The handle of a submission to the executor `docker`, checked before anything in it is used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfleet.errors import ExecutorError
from backfleet.executor import Handle, read_handle

__all__ = ["DockerHandle"]

# As the engine makes them. A path, or the name of another container, is none.
_ID = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class DockerHandle:
    """The handle of a submission.

    Attributes
    ----------
    containers
        The id of each container, and the shards that it runs. It is a container of the submission
        only if its labels say so.
    """

    run: str
    number: int
    url: str
    settings: Mapping[str, Any]
    containers: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def read(cls, handle: Handle) -> DockerHandle:
        """Return a stored handle. Raises ExecutorError if it is none of this executor."""
        checked = read_handle(cls, handle)
        for container, _ in checked.containers:
            if not _ID.fullmatch(container):
                raise ExecutorError(
                    f"the handle of submission {checked.number} names {container[:80]!r}, which "
                    "is not the id of a container"
                )
        return checked
