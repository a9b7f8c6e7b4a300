"""Runs on both architectures, and how they compare."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backfleet.chunks.chunk import ChunkHeader, parse_chunk_key, read_chunk
from backfleet.store import open_store
from backfleet.worker.environment import pinned_environment
from testbed.arm64 import PROCESSORS

if TYPE_CHECKING:
    from testbed.arm64 import Arm64

RANDOM_TASKS = Path(__file__).with_name("random_tasks.py")

Lines = Callable[..., list[str]]


@pytest.fixture
def headers() -> Callable[[Path], Mapping[str, ChunkHeader]]:
    """The headers of the chunks of the only run in a store, by key."""

    def read(store: Path) -> Mapping[str, ChunkHeader]:
        (run,) = (path for path in store.iterdir() if (path / "chunks").is_dir())
        chunks = open_store(str(run))
        keys = [parse_chunk_key(entry.key) for entry in chunks.list("chunks/")]
        read_chunks = [read_chunk(chunks, *key).header for key in keys if key is not None]
        return {header.key: header for header in read_chunks}

    return read


@pytest.fixture
def random_lines(arm64: Arm64, tmp_path: Path) -> Lines:
    """What `random_tasks.py` prints, on a processor of the emulated machine or here."""
    script = tmp_path / RANDOM_TASKS.name
    script.write_bytes(RANDOM_TASKS.read_bytes())

    def call(*arguments: str, processor: str = "") -> list[str]:
        if processor:
            pinned = _pins_of(arm64, tmp_path)
            done = arm64.run(script, *arguments, work=tmp_path, processor=processor, env=pinned)
        else:
            done = subprocess.run(
                [sys.executable, "-W", "ignore", script, *arguments],
                env=os.environ | pinned_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return call


def _pins_of(arm64: Arm64, work: Path) -> dict[str, str]:
    """The environment that a worker there gives itself."""
    code = (
        "from backfleet.worker.environment import pinned_environment\n"
        "for name, value in pinned_environment().items(): print(name, value, sep='=')"
    )
    done = arm64.run("-c", code, work=work)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.fixture(params=PROCESSORS)
def processor(request: pytest.FixtureRequest) -> str:
    """Each emulated processor in turn."""
    return str(request.param)
