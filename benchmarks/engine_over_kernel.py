"""The engine `vector` over the bare kernel: `python benchmarks/engine_over_kernel.py`.

Both run the sweep of docs/benchmarks.md, one symbol after the other in turns in one process, by CPU
time. So other load slows both. Of each symbol, the least time of several rounds counts. The engine
may take at most twice the kernel's time. The kernel needs a C compiler.
"""

# mypy: ignore-errors

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from peers.market import write_market

# The peers' scripts run alone, beside their modules.
sys.path.insert(0, str(Path(__file__).parent / "peers"))

import backfleet_peer
import bare_kernel_peer
from protocol import Market

BARS, LIMIT = 2_520, 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prices.npz"
        write_market(path, options.symbols, BARS)
        market = Market.load(str(path))
    works = [
        [peer.prepare("sweep", part) for part in map(market.only, range(options.symbols))]
        for peer in (bare_kernel_peer, backfleet_peer)
    ]
    kernel, engine = (
        least.sum() / sum(work.tasks for work in side)
        for side, least in zip(works, least_seconds(works, options.rounds), strict=True)
    )
    ratio = kernel / engine
    print(f"bare kernel {kernel * 1e6:.2f} µs a task, engine {engine * 1e6:.2f} µs a task")
    print(f"{'ok' if ratio >= LIMIT else 'FAIL'}: speed {ratio:.3f}, at least {LIMIT}")
    return 0 if ratio >= LIMIT else 1


def least_seconds(works, rounds: int):
    """Return the least CPU seconds of each side for each symbol."""
    least = np.full((len(works), len(works[0])), np.inf)
    for _ in range(rounds):
        for number in range(least.shape[1]):
            for side, own in enumerate(works):
                least[side, number] = min(least[side, number], cpu_seconds(own[number].run))
    return least


def cpu_seconds(call: Callable[[], object]) -> float:
    began = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - began) / 1e9


if __name__ == "__main__":
    sys.exit(main())
