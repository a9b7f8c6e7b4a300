"""`backfleet image` where it cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.mark.parametrize("arguments", [["build"], ["push", "127.0.0.1:5000/backfleet"]])
def test_without_an_engine_it_says_where_it_looked(
    backfleet: Command, arguments: list[str]
) -> None:
    done = backfleet("image", *arguments, env=NO_ENGINE)
    assert done.returncode == 2
    assert "no Docker engine answers at unix:///nowhere/docker.sock" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_sdk_it_says_how_to_install_it() -> None:
    script = "import sys; sys.modules['docker'] = None; from backfleet.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "image", "build"],
        env=os.environ | NO_ENGINE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install -e '.[docker]'" in done.stderr


def test_the_commands_are_found_by_their_entry_point(backfleet: Command) -> None:
    shown = backfleet("image", "--help")
    assert shown.returncode == 0
    assert "build" in shown.stdout
    assert "push" in shown.stdout
