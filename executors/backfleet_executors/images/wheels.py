"""Wheels of distributions at exact versions, and of projects, by pip; downloads are kept."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet.sdk import cache_folder

if TYPE_CHECKING:
    from packaging.version import Version

__all__ = ["build_wheel", "pinned_wheels"]

LAST_LINES = 15


def pinned_wheels(pins: Mapping[str, str]) -> list[Path]:
    """A wheel of each distribution at its version, from the cache or from the package index.

    Raises ExecutorError.
    """
    from packaging.version import Version

    folder = cache_folder() / "wheels" / _platform()
    folder.mkdir(parents=True, exist_ok=True)
    # Metadata may write a version otherwise than wheels' names do: 2024.07.04 is 2024.7.4.
    wanted = {(name, Version(version)) for name, version in pins.items()}
    missing = wanted - dict(_wheels_in(folder)).keys()
    if missing:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            requirements = sorted(f"{name}=={version}" for name, version in missing)
            _pip_wheel(*requirements, "--wheel-dir", fresh)
            for wheel in Path(fresh).iterdir():
                os.replace(wheel, folder / wheel.name)
    there = dict(_wheels_in(folder))
    return sorted(there[pin] for pin in wanted)


def build_wheel(project: Path, folder: Path) -> Path:
    """The wheel of a project, built by its own build backend. Raises ExecutorError."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        _pip_wheel(str(project.absolute()), "--wheel-dir", fresh)
        (wheel,) = Path(fresh).iterdir()
        return wheel.rename(folder / wheel.name)


def _platform() -> str:
    """A folder's name: wheels fit one version of Python on one kind of machine."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{platform.machine()}"


def _wheels_in(folder: Path) -> Iterator[tuple[tuple[str, Version], Path]]:
    from packaging.utils import parse_wheel_filename

    for wheel in folder.glob("*.whl"):
        name, version, _, _ = parse_wheel_filename(wheel.name)
        yield (str(name), version), wheel


def _pip_wheel(*arguments: str) -> None:
    command = [sys.executable, "-P", "-m", "pip", "wheel", "--quiet", "--no-deps", *arguments]
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise ExecutorError("pip is not installed here: python -m ensurepip")
    said = "\n".join(done.stderr.strip().splitlines()[-LAST_LINES:])
    raise ExecutorError(f"pip cannot make wheels:\n{said}")
