"""The exit of a container, read from the engine's facts, in a user's words."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ContainerExit", "read_exit"]

NO_EXECUTABLE = (126, 127)
"""Exit codes of what could not be executed, or was not found."""

SIGNALLED = 128
"""An exit code above this is that much more than the number of a signal."""


@dataclass(frozen=True)
class ContainerExit:
    """The exit code of a container's worker, and the reason if it failed."""

    exit_code: int | None
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


def read_exit(facts: Mapping[str, Any], words: str) -> ContainerExit:
    """The end of a container.

    Parameters
    ----------
    facts
        What the engine says of the container.
    words
        The last that its worker wrote.
    """
    state = facts["State"]
    code = int(state["ExitCode"])
    if code == 0:
        return ContainerExit(0)
    # Both: the engine sets the flag also if only a child was killed and the worker went on.
    if state.get("OOMKilled") and code == SIGNALLED + signal.SIGKILL:
        return ContainerExit(code, _out_of_memory(facts))
    if code in NO_EXECUTABLE:
        return ContainerExit(
            code,
            f"the image {facts['Config']['Image']} cannot start backfleet ({words}); "
            "'backfleet image build' makes one that can",
        )
    # The engine notes 255 of containers that ended with it.
    if code in (SIGNALLED + signal.SIGKILL, SIGNALLED + signal.SIGTERM, 255):
        return ContainerExit(code, _stopped(code))
    return ContainerExit(code, words or state.get("Error") or "it wrote nothing")


def _out_of_memory(facts: Mapping[str, Any]) -> str:
    limit = int(facts["HostConfig"]["Memory"])
    asked = int(facts["Config"]["Labels"].get("backfleet.memory", limit))
    return (
        f"the container needed more than its {_gib(limit)}, which are resources.memory "
        f"({_gib(asked)}), room for its supervisor and its scratch; raise resources.memory: "
        f"run the job again with --set resources.memory='{max(1, round(2 * asked / 2**30))} GiB'"
    )


def _stopped(code: int) -> str:
    name = signal.Signals(code - SIGNALLED).name if code < 255 else "its engine's end"
    return f"the container was stopped from outside ({name}): by docker kill, or with its engine"


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
