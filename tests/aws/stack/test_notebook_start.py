"""The notebook installs exactly the versions that the image holds, on a current platform."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from backfleet_executors.aws.stack.notebook import ON_START
from backfleet_executors.aws.stack.template import template
from testbed.aws.deployment import AwsServer

Command = Callable[..., Any]

COMMANDS = {
    # Brings what `deploy` has uploaded.
    "aws": """case "$3" in
--recursive) cp -r "$SOFTWARE/." "$5";;
*) cp "$SOFTWARE/$(basename "$3")" "$4";;
esac""",
    # A Python that notes what it is called with.
    "conda": 'echo conda "$@" >> "$LOG"; mkdir -p "$4/bin"; cp "$PYTHON" "$4/bin/python"',
    "python": 'echo "$(basename "$(dirname "$(dirname "$0")")")" "$@" >> "$LOG"',
}


@pytest.fixture
def start(tmp_path: Path) -> Callable[[Mapping[str, str]], list[str]]:
    """Start the notebook with uploaded files; returns what was called."""
    commands, home, software = (tmp_path / name for name in ("bin", "home", "software"))
    for folder in (commands, home / "SageMaker", home / "anaconda3" / "bin", software):
        folder.mkdir(parents=True)
    (home / "anaconda3" / "bin" / "activate").touch()
    for name, script in COMMANDS.items():
        (commands / name).write_text(f"#!/bin/bash\n{script}\n")
        (commands / name).chmod(0o755)

    def run(files: Mapping[str, str]) -> list[str]:
        for name, text in files.items():
            (software / name).write_text(text)
        script = ON_START.split("<<'END'\n")[1].split("\nEND\n")[0]
        log = tmp_path / "calls"
        log.write_text("")
        variables = {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "HOME": str(home),
            "SOFTWARE": str(software),
            "LOG": str(log),
            "PYTHON": str(commands / "python"),
        }
        script = script.replace("${Bucket}", "results")
        done = subprocess.run(["bash", "-c", script], env=variables, check=False)
        assert done.returncode == 0, (home / "SageMaker" / ".backfleet" / "log").read_text()
        return log.read_text().splitlines()

    return run


FILES = {
    "python.txt": "3.11",
    "pins.txt": "numpy==2.1.0\n",
    "wheels.txt": "./backfleet-0.1.0-py3-none-any.whl\n",
    "backfleet-0.1.0-py3-none-any.whl": "",
    "backfleet.toml": "[executors.aws-batch]\n",
}


def test_the_notebook_installs_the_pins_and_then_the_wheels_and_keeps_settings(
    start: Callable[[Mapping[str, str]], list[str]], tmp_path: Path
) -> None:
    made, *calls = start(FILES)
    python = made.split()[4].removeprefix("./")

    assert made == f"conda create --yes --prefix ./{python} python=3.11 pip"
    assert calls[:3] == [
        f"{python} -m pip install --no-deps --requirement pins.txt",
        f"{python} -m pip install --no-deps --force-reinstall --requirement wheels.txt",
        f"{python} -m pip install --constraint pins.txt ipykernel",
    ]
    assert (tmp_path / "home" / "SageMaker" / "backfleet.toml").is_file()
    again = start(FILES)
    assert not [call for call in again if call.startswith("conda")]


def test_other_pins_get_an_environment_of_their_own(
    start: Callable[[Mapping[str, str]], list[str]],
) -> None:
    first = start(FILES)[0].split()[4]
    assert start(FILES | {"pins.txt": "numpy==2.2.0\n"})[0].split()[4] != first


def test_deploy_uploads_the_versions_that_are_installed_here(
    aws_command: Command, aws_server: AwsServer, image: str
) -> None:
    assert aws_command("deploy", "--yes", "--image", image, "--notebook").error is None
    bucket = aws_command("status", "--json").json["outputs"]["ResultsBucket"]
    s3 = aws_server.client("s3")

    def text(name: str) -> str:
        body: bytes = s3.get_object(Bucket=bucket, Key=f"software/{name}")["Body"].read()
        return body.decode()

    pins = dict(line.split("==") for line in text("pins.txt").splitlines())
    assert {name: pins[name] for name in ("numpy", "pandas", "numba")} == {
        name: version(name) for name in ("numpy", "pandas", "numba")
    }
    for wheel in text("wheels.txt").splitlines():
        assert text_exists(s3, bucket, wheel.removeprefix("./"))
    platform = template()["Resources"]["Notebook"]["Properties"]["PlatformIdentifier"]
    assert platform == "notebook-al2023-v1"


def text_exists(s3: Any, bucket: str, name: str) -> bool:
    size: int = s3.head_object(Bucket=bucket, Key=f"software/{name}")["ContentLength"]
    return size > 0
