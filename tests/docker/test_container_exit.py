"""How a container ended, in a user's words."""

from __future__ import annotations

from typing import Any

import pytest

from backfleet_executors.docker.container_exit import ContainerExit, read_exit


def facts(code: int, *, out_of_memory: bool = False) -> dict[str, Any]:
    return {
        "State": {"ExitCode": code, "OOMKilled": out_of_memory, "Error": ""},
        "HostConfig": {"Memory": 7 * 2**29},
        "Config": {"Image": "acme:1", "Labels": {"backfleet.memory": str(2**31)}},
    }


def test_success_needs_no_reason() -> None:
    assert read_exit(facts(0), "some words") == ContainerExit(0)


@pytest.mark.parametrize("code", [64, 65, 75, 1])
def test_a_worker_that_gave_up_is_quoted(code: int) -> None:
    assert read_exit(facts(code), "DataError: no such symbol") == ContainerExit(
        code, "DataError: no such symbol"
    )


def test_lack_of_memory_names_the_limit_and_what_to_raise() -> None:
    reason = read_exit(facts(137, out_of_memory=True), "").reason
    assert "needed more than its 3.5 GiB, which are resources.memory (2 GiB)" in reason
    assert "--set resources.memory='4 GiB'" in reason


def test_a_worker_that_ended_by_itself_did_not_end_for_lack_of_memory() -> None:
    """The engine remembers also that a child of it was killed for that."""
    assert read_exit(facts(75, out_of_memory=True), "stopped").reason == "stopped"
    assert read_exit(facts(0, out_of_memory=True), "").succeeded


@pytest.mark.parametrize(("code", "name"), [(137, "SIGKILL"), (143, "SIGTERM"), (255, "engine")])
def test_an_end_from_outside_is_told_as_such(code: int, name: str) -> None:
    reason = read_exit(facts(code), "").reason
    assert "was stopped from outside" in reason
    assert name in reason


@pytest.mark.parametrize("code", [126, 127])
def test_an_image_without_the_executable_is_named_with_the_mend(code: int) -> None:
    reason = read_exit(facts(code), "exec x failed").reason
    assert "the image acme:1 cannot start backfleet (exec x failed)" in reason
    assert "backfleet image build" in reason
