"""ARM64, emulated, gives the rows of x86-64 to the last bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import backfleet as bf
from backfleet.chunks.chunk import ChunkHeader
from backfleet.demo import __file__ as demo_file

if TYPE_CHECKING:
    from testbed.arm64 import Arm64

pytestmark = pytest.mark.testbed

GOLDEN = ("164109.44", "106285.36", "100000.00")
TWO_AVERAGES = """
strategy = "dual-moving-average"

[params]
fast = {fast}
slow = {slow}

[data]
source = "cn-daily"
path = "data"
symbols = ["600519", "600559", "600560"]
timezone = "Asia/Shanghai"

[broker]
cash = 100_000
commission = 0.0002

[results]
detail = "full"
store = "{store}"

[resources]
task_timeout = "2 h"
"""
FEW = {"fast": [2, 5, 10], "slow": {"start": 21, "stop": 60, "step": 1}}
SAMPLE = {"fast": {"start": 2, "stop": 20, "step": 1}, "slow": {"start": 21, "stop": 41, "step": 1}}

POWERS = """
import hashlib, random
from array import array

draw = random.Random(7)
digests = hashlib.sha256(), hashlib.sha256()
for _ in range({blocks}):
    values = [draw.uniform(1, 1000) for _ in range(10_000)]
    values += [2.0 ** draw.randrange(-60, 60) * (1.0 + draw.random()) for _ in range(10_000)]
    for digest, exponent in zip(digests, (2.0, 0.5), strict=True):
        digest.update(array("d", [value**exponent for value in values]))
print(*(digest.hexdigest() for digest in digests))
"""

Headers = Callable[[Path], Mapping[str, ChunkHeader]]
Lines = Callable[..., list[str]]


def job_file(folder: Path, store: str, axes: Mapping[str, object]) -> Path:
    """A sweep over the three Shanghai stocks, whose paths are relative to the file."""
    data = folder / "data"
    if not data.exists():
        data.mkdir()
        for file in (Path(demo_file).parent / "data").rglob("*.csv"):
            (data / file.name).write_bytes(file.read_bytes())
    path = folder / f"{store}.toml"
    axes = {name: str(axis).replace("'", "").replace(":", " =") for name, axis in axes.items()}
    path.write_text(TWO_AVERAGES.format(store=folder / store, **axes))
    return path


def test_the_demo_gives_the_golden_numbers(arm64: Arm64, tmp_path: Path) -> None:
    done = arm64.backfleet("demo", work=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(number in done.stdout for number in GOLDEN), done.stdout


# Compiling under emulation takes minutes.
@pytest.mark.exhaustive
def test_a_job_that_runs_half_on_each_architecture_commits_equal_chunks(
    arm64: Arm64, tmp_path: Path, headers: Headers
) -> None:
    here = bf.run(bf.Job.load(job_file(tmp_path, "here", FEW)), progress=None)
    bf.run(bf.Job.load(job_file(tmp_path, "both", FEW)), progress=None)
    whole = headers(tmp_path / "here")
    for key in sorted(whole)[::2]:
        (tmp_path / "both" / here.id / key).unlink()

    done = arm64.backfleet("run", "both.toml", "-o", "workers=1", work=tmp_path)
    assert done.returncode == 0, done.stderr
    both = headers(tmp_path / "both")
    assert {header.platform["machine"] for header in both.values()} == {"x86_64", "aarch64"}
    assert {key: (one.logical, one.blobs) for key, one in both.items()} == {
        key: (one.logical, one.blobs) for key, one in whole.items()
    }
    assert list((arm64.folder / "cache/numba").glob("*-aarch64-generic/*/*.nbc")), "it compiled"


@pytest.mark.exhaustive
def test_the_sample_sweep_has_the_same_1197_rows(
    arm64: Arm64, tmp_path: Path, headers: Headers, processor: str
) -> None:
    bf.run(bf.Job.load(job_file(tmp_path, "here", SAMPLE)), progress=None)
    job_file(tmp_path, "there", SAMPLE)
    done = arm64.backfleet("run", "there.toml", work=tmp_path, processor=processor)
    assert done.returncode == 0, done.stderr
    here, there = headers(tmp_path / "here"), headers(tmp_path / "there")
    assert sum(header.count for header in there.values()) == 1197
    assert {key: (one.logical, one.blobs) for key, one in there.items()} == {
        key: (one.logical, one.blobs) for key, one in here.items()
    }


def test_10_random_tasks_on_every_engine_are_those_of_x86_64(
    random_lines: Lines, processor: str
) -> None:
    there = random_lines("10", processor=processor)
    assert len(there) == 30
    assert there == random_lines("10")


@pytest.mark.exhaustive
def test_200_random_tasks_on_every_engine_are_those_of_x86_64(
    random_lines: Lines, processor: str
) -> None:
    there = random_lines("200", "compiled", processor=processor)
    assert len(there) == 600
    assert there == random_lines("200", "compiled")


def test_squares_and_roots_of_the_c_library_are_those_of_x86_64(
    arm64: Arm64, tmp_path: Path, processor: str
) -> None:
    code = POWERS.format(blocks=10)
    done = arm64.run("-c", code, work=tmp_path, processor=processor)
    assert done.returncode == 0, done.stderr
    here = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == here.stdout
