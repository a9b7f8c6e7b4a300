"""backfleet beside its peers, on the same work; writes docs/benchmarks.md, part by part.

`python benchmarks/compare.py [--parts one,long,sweep,run,growth] [--environments FOLDER] [--page
FILE]` installs each peer into a virtual environment of its own, measures all of them one after the
other on one core, and then whole sweeps on all cores. Nothing else should run meanwhile. It takes
ten minutes or more, most of it to let the slower peers finish. Parts that are not asked for stay on
the page as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from page import write_part
from peers.environments import PEERS, Peer, python_of, version_of
from peers.market import write_market
from peers.protocol import PERIODS, Market
from sweeps import Sweep, peak_memory, seconds_of, write_prices

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
SYMBOLS, BARS, LONG = 500, 2_520, 100_000
PARTS = ("one", "long", "sweep", "run", "growth")
PAGE_PARTS = (*PARTS, "validation", "scripts")
"""All parts of the page. The last two are written by hand."""

TOO_SLOW = {"long": ("zipline-reloaded",)}


@dataclass(frozen=True)
class Setting:
    """Where the peers are installed and the prices lie."""

    environments: Path
    folder: Path

    def prices(self, case: str) -> Path:
        path = self.folder / f"{case}.npz"
        if not path.exists():
            symbols, bars = (1, LONG) if case == "long" else (SYMBOLS, BARS)
            write_market(path, symbols, bars)
        return path


@dataclass(frozen=True)
class Measured:
    """What a peer's script printed."""

    name: str
    version: str
    seconds: float
    tasks: int
    final: float
    memory: float

    @property
    def task_seconds(self) -> float:
        """Seconds a task."""
        return self.seconds / self.tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--environments", type=Path, default=Path.home() / ".cache/backfleet-peers")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(arguments.environments, Path(folder))
        for part in arguments.parts.split(","):
            section = SECTIONS[part](setting)
            print(section)
            write_part(arguments.page, PAGE_PARTS, part, section)


# -- one after the other -------------------------------------------------------------------------


def measure_peers(setting: Setting, case: str, prices: str) -> list[Measured]:
    peers = [peer for peer in PEERS if peer.name not in TOO_SLOW.get(prices, ())]
    return [measure_peer(peer, setting, case, prices) for peer in peers]


def measure_peer(peer: Peer, setting: Setting, case: str, prices: str) -> Measured:
    python = python_of(peer, setting.environments)
    command = [python, *peer.command, case, str(setting.prices(prices))]
    # zipline keeps what it ingests in a folder that it reads when it is imported.
    environment = os.environ | {"ZIPLINE_ROOT": str(setting.folder)}
    if "vector" in peer.command:
        # The machine code is on disk thereafter.
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    report = json.loads(done.stdout.splitlines()[-1])
    print(f"{prices:8}{peer.name:24}{report['seconds'] / report['tasks'] * 1e3:12.3f} ms a task")
    return Measured(version=version_of(peer, setting.environments), **report)


def one(setting: Setting) -> str:
    measurements = measure_peers(setting, "one", "sweep")
    text = f"## One backtest of {BARS:,} bars\n\n{speed_table(measurements)}\n"
    return text + ratios(measurements, ("backfleet, backtrader", "backtesting", 1.0))


def long(setting: Setting) -> str:
    measurements = measure_peers(setting, "one", "long")
    text = f"## One backtest of {LONG:,} bars\n\n{speed_table(measurements)}\n"
    return text + ratios(measurements, ("backfleet, backtrader", "backtesting", 1.0))


def sweep(setting: Setting) -> str:
    measurements = measure_peers(setting, "sweep", "sweep")
    text = (
        f"## A sweep of {SYMBOLS} symbols and {len(PERIODS)} periods, {BARS:,} bars each\n\n"
        "Peers that would take hours ran a few of the tasks. vectorbt ran in chunks of 25\n"
        "symbols; the bare kernel computes the final value only.\n\n"
    )
    asked = (
        ("backfleet, vector", "vectorbt", 10.0),
        ("backfleet, vector", "bare kernel", 0.5),
        ("backfleet, vector", "backtrader", 5_000.0),
    )
    return text + speed_table(measurements) + "\n" + ratios(measurements, *asked)


def speed_table(measurements: Sequence[Measured]) -> str:
    base = next(measured for measured in measurements if measured.name == "backtrader")
    rows = [
        (
            measured.name,
            measured.version,
            f"{measured.task_seconds * 1e3:,.3f}",
            f"{1 / measured.task_seconds:,.1f}",
            f"{base.task_seconds / measured.task_seconds:,.1f}",
            f"{measured.memory:,.0f}",
            f"{measured.final:,.2f}",
        )
        for measured in sorted(measurements, key=lambda measured: measured.task_seconds)
    ]
    head = ("", "version", "ms a task", "tasks/s", "x backtrader", "MB", "final value")
    return table(head, rows)


def ratios(measurements: Sequence[Measured], *asked: tuple[str, str, float]) -> str:
    seconds = {measured.name: measured.task_seconds for measured in measurements}
    rows = [
        (
            f"{name} over {other}",
            f"{seconds[other] / seconds[name]:,.2f}",
            f"{limit:g}",
            "kept" if seconds[other] / seconds[name] >= limit else "**missed**",
        )
        for name, other, limit in asked
    ]
    return table(("speed", "measured", "asked", ""), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    ruler = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ruler, *rows))


# -- whole sweeps --------------------------------------------------------------------------------


def run(setting: Setting) -> str:
    market = Market.load(str(setting.prices("sweep")))
    write_prices(market, setting.folder / "prices")
    small, large = Sweep(setting.folder, 20), Sweep(setting.folder, 200, step=1)
    seconds_of(small.command("warm"))
    seconds_of(large.command("warm-large"))
    vectorbt = next(peer for peer in PEERS if peer.name == "vectorbt")
    script = str(Path(__file__).parent / "peers" / "vectorbt_script.py")
    python = python_of(vectorbt, setting.environments)
    theirs = [python, script, str(setting.prices("sweep")), str(setting.folder / "vectorbt.csv")]
    seconds_of(theirs)
    ours_took, theirs_took = [], []
    for turn in range(3):
        theirs_took.append(seconds_of(theirs))
        ours_took.append(seconds_of(small.command(f"small-{turn}")))
    ours, others = min(ours_took), min(theirs_took)
    slopes = {workers: slope(small, large, workers) for workers in (1, 2)}
    gain = statistics.median(a / b for a, b in zip(slopes[1], slopes[2], strict=True))
    rows = [
        ("a vectorbt script, from a warm cache", f"{others:.2f} s", "", ""),
        ("`backfleet run`, results committed", f"{ours:.2f} s", "", ""),
        limit_row("`backfleet run` over the script", ours / others, 1 / 3, most=True),
        limit_row("two workers over one, ten times the tasks, start-up left out", gain, 1.8),
    ]
    title = f"## From files to results: {SYMBOLS * len(PERIODS):,} tasks on {os.cpu_count()} cores"
    return f"{title}\n\n{table(('', 'measured', 'asked', ''), rows)}"


def slope(small: Sweep, large: Sweep, workers: int) -> list[float]:
    """Seconds that the larger sweep takes longer than the smaller one."""
    option = ("-o", f"workers={workers}")
    return [
        seconds_of(large.command(f"large-{workers}-{turn}", *option))
        - seconds_of(small.command(f"little-{workers}-{turn}", *option))
        for turn in range(2)
    ]


def limit_row(what: str, value: float, limit: float, *, most: bool = False) -> tuple[str, ...]:
    kept = value <= limit if most else value >= limit
    return what, f"{value:.2f}", f"{limit:.2g}", "kept" if kept else "**missed**"


# -- growth --------------------------------------------------------------------------------------


def growth(setting: Setting) -> str:
    from peers.growth import seconds_a_bar, seconds_a_point

    by_bars = {bars: seconds_a_bar(bars) * 1e9 for bars in (BARS, 1_000_000)}
    by_points = {points: seconds_a_point(points) * 1e6 for points in (10, 10_000)}
    folder = setting.folder / "many"
    folder.mkdir()
    write_market(folder / "prices.npz", SYMBOLS, 60)
    write_prices(Market.load(str(folder / "prices.npz")), folder / "prices")
    peaks = dict(memory_by_tasks(folder))
    few, many = peaks.values()
    rows = [
        *(
            (f"engine `vector`, {n:,} bars", f"{ns:.1f} ns a bar", "", "")
            for n, ns in by_bars.items()
        ),
        *(
            (f"{n:,} points of a symbol", f"{us:.0f} µs a point", "", "")
            for n, us in by_points.items()
        ),
        *((f"`backfleet run` of {n:,} tasks", f"{mb:,.0f} MB", "", "") for n, mb in peaks.items()),
        limit_row("memory of a million tasks over 10,000", many / few, 1.2, most=True),
    ]
    return f"## Growth\n\n{table(('', 'measured', 'asked', ''), rows)}"


def memory_by_tasks(folder: Path) -> Iterator[tuple[int, float]]:
    for points in (20, 2_000):
        sweep = Sweep(folder, points, step=1)
        yield SYMBOLS * points, peak_memory(sweep.command(f"points-{points}"))


SECTIONS: dict[str, Callable[[Setting], str]] = {
    "one": one,
    "long": long,
    "sweep": sweep,
    "run": run,
    "growth": growth,
}

if __name__ == "__main__":
    main()
