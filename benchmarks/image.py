"""The workers' image: its size, what a change of code rebuilds, and how Python starts in it.

Limits: under 300 MB compressed; other code of backfleet's makes another last layer and no other;
what a worker imports and a first task of the engine `vector`, machine code from the cache, take at
most 1.5 times what they take on this machine. It needs a Docker engine, and builds an image twice,
which may take minutes the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from measure import Reading, alternate

PACKAGES = (
    "core/backfleet",
    "strategies/backfleet_strategies",
    "executors/backfleet_executors",
)
PROJECT = Path(__file__).parent.parent
TAG = "backfleet-benchmark:latest"
Facts = Mapping[str, Any]
"""What the engine says of an image."""

LIMIT_MB = 300
LIMIT_START = 1.5
START = """
import math
import time
began, cpu = time.perf_counter(), time.process_time()
import backfleet.worker.child
from backfleet.jit import plan_work
from backfleet.worker.warm import run_first_task, sample_jobs
plan_work(math.inf)
run_first_task(next(sample_jobs("sma-crossover")))
print(time.perf_counter() - began, time.process_time() - cpu)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=5)
    repetitions = arguments.parse_args().repetitions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package in PACKAGES:
            shutil.copytree(PROJECT / package, folder / Path(package).name)
        before = _built("as it is", folder)
        with (folder / "backfleet" / "errors.py").open("a") as file:
            file.write("# changed\n")
        after = _built("with a changed line in backfleet", folder)
        _show_layers(before, after)
        _show_size(after)
        _show_start(folder, repetitions)


def _built(what: str, code: Path) -> Facts:
    """The image of a copy of backfleet."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "backfleet", "image", "build", "--tag", TAG]
    subprocess.run(command, env=_environment(code), check=True, stderr=subprocess.DEVNULL)
    print(f"image build, {what}: {time.perf_counter() - began:.1f} s")
    shown = subprocess.run(["docker", "image", "inspect", TAG], stdout=subprocess.PIPE, check=True)
    (facts,) = json.loads(shown.stdout)
    image: Facts = facts
    return image


def _environment(code: Path) -> Mapping[str, str]:
    return os.environ | {"PYTHONPATH": str(code)}


def _show_layers(before: Facts, after: Facts) -> None:
    old, new = (facts["RootFS"]["Layers"] for facts in (before, after))
    kept = [one == other for one, other in zip(old, new, strict=True)]
    verdict = "kept" if kept == [True] * (len(kept) - 1) + [False] else "MISSED"
    print(f"layers that stay: {kept.count(True)} of {len(kept)}; all but the last: {verdict}")


def _show_size(image: Facts) -> None:
    compressor = zlib.compressobj(6)
    with subprocess.Popen(["docker", "save", image["Id"]], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        pieces = map(compressor.compress, iter(partial(saving.stdout.read, 2**20), b""))
        compressed = (sum(map(len, pieces)) + len(compressor.flush())) / 1e6
    verdict = "kept" if compressed < LIMIT_MB else "MISSED"
    print(
        f"size: {image['Size'] / 1e6:.0f} MB, compressed {compressed:.0f} MB; "
        f"limit {LIMIT_MB} MB: {verdict}"
    )


def _show_start(code: Path, repetitions: int) -> None:
    host = [sys.executable, "-P", "-c", START]
    locked = ["--rm", "--network=none", "--read-only", "--tmpfs=/tmp", "--entrypoint=python"]
    container = ["docker", "run", *locked, TAG, "-P", "-c", START]
    readings_by_side = alternate(
        {"host": lambda: _reading(host, code), "container": lambda: _reading(container, code)},
        repetitions,
    )
    print("\nfrom Python's start to the end of a first task  (clock; CPU of this process)")
    least = {}
    for side, readings in readings_by_side.items():
        least[side] = min(reading.cpu for reading in readings)
        walls = min(reading.wall for reading in readings)
        print(f"  {side:<12}{walls:>8.2f} s{least[side]:>8.2f} s  minimum of {len(readings)}")
    ratio = least["container"] / least["host"]
    verdict = "kept" if ratio <= LIMIT_START else "MISSED"
    print(f"  ratio {ratio:.2f}; limit {LIMIT_START}: {verdict} (minimum, CPU)")


def _reading(command: list[str], code: Path) -> Reading:
    """What the script says of itself: how long an engine takes to start a container is left out."""
    environment = _environment(code)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wall, cpu = map(float, done.stdout.split())
    return Reading(wall, cpu)


if __name__ == "__main__":
    main()
