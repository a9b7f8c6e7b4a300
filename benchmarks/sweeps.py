"""`backfleet run` of whole sweeps: beside a vectorbt script, with one worker and two, and how time
and memory grow with the work."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from measure import BACKFLEET
from peers.protocol import Market

__all__ = ["Sweep", "peak_memory", "seconds_of", "write_prices"]

JOB = """
strategy = "sma-crossover"

[params]
period = {{ start = 5, stop = {last}, step = {step} }}

[data]
source = "parquet"
path = "{data}"

[broker]
cash = 100_000
commission = 0.0002

[results]
store = "{store}"
detail = "summary"
"""
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Sweep:
    """A sweep over the prices in a folder, ready to be run."""

    folder: Path
    points: int
    step: int = 10

    def command(self, name: str, *options: str) -> list[str]:
        """`backfleet run` into a store of that name, which must not exist yet."""
        job = self.folder / f"{name}.toml"
        text = JOB.format(
            last=5 + self.step * (self.points - 1),
            step=self.step,
            data=self.folder / "prices",
            store=self.folder / name,
        )
        job.write_text(text)
        return [BACKFLEET, "run", str(job), *options]


def write_prices(market: Market, folder: Path) -> None:
    """A Parquet file a symbol, as the source `parquet` reads them."""
    folder.mkdir(parents=True)
    days = pa.array(market.times.astype("datetime64[D]"))
    volume = pa.array(np.full(len(market.times), 1e6))
    columns = (market.open, market.high, market.low, market.close)
    for symbol in range(len(market.close)):
        arrays = [days, *(pa.array(prices[symbol]) for prices in columns), volume]
        table = pa.table(arrays, ["date", "open", "high", "low", "close", "volume"])
        pq.write_table(table, folder / f"S{symbol:03}.parquet")


def seconds_of(command: Sequence[str]) -> float:
    """By the clock. Raises CalledProcessError."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def peak_memory(command: Sequence[str]) -> float:
    """The most memory that a command and all that it starts had for themselves, in MB."""
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(_private(process)))
        time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return peak


def _private(process: psutil.Process) -> Iterator[float]:
    try:
        for member in (process, *process.children(recursive=True)):
            yield member.memory_full_info().uss / 2**20
    except psutil.NoSuchProcess:
        return
