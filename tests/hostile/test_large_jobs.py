"""Jobs that ask for very much are planned within bounds, or rejected with one message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hostile.attack import Case, Ground, assert_withstood
from hostile.tiny import write_tiny

BASE = 'strategy = "mine.py:Quiet"\ndata.source = "csv"\ndata.path = "data"\n'
AXIS = "{ start = 1, stop = 10_000, step = 1 }"
GRID = f"params.a = {AXIS}\nparams.b = {AXIS}\n"
"""100 million points."""


def names(count: int) -> str:
    return json.dumps([f"S{number}" for number in range(count)])


LARGE = {
    "a grid": GRID,
    "a condition that holds for most points": GRID + 'sweep.where = "a != 5"',
    "a condition that holds for few points": GRID + 'sweep.where = "a == 5"',
    "a condition that holds for all points": GRID + 'sweep.where = "a > 0"',
    "a large sample": GRID + "sweep.sample = 1_000_000",
    "a large sample of a condition": GRID + 'sweep.where = "a < 1_000"\nsweep.sample = 1_000_000',
    "a long condition": f"{GRID}sweep.where = '{' and '.join(['a * b + a < 9e9'] * 50)}'",
    "a key of many parts": "a." * 50_000 + "a = 1",
    "a quoted key of many parts": '"a b".' * 50_000 + "a = 1",
    "an axis of texts": f"params.d = {names(90_000)}\nsweep.where = \"d != 'S1'\"",
    "a long text": f'params.d = "{"x" * 900_000}"',
    "a long text beside a condition": (
        f'params.d = ["{"x" * 900_000}", "y"]\nsweep.where = "d == \'y\'"'
    ),
    "a list as one value": f"params.f = {{ value = [{'1,' * 100_000}] }}",
    "many symbols": f"data.symbols = {names(20_000)}",
    "a glob with many stars": f'data.symbols = "{"*a" * 40}b"',
    "many columns": f"data.columns = {names(10_000)}",
    "many unknown keys": "\n".join(f"k{number} = 1" for number in range(20_000)),
    "many unknown parameters": "\n".join(f"params.k{number} = 1" for number in range(3_000)),
    "a long unknown key": "k" * 100_000 + " = 1",
    "many feeds": "\n".join(f'data.auxiliary.n{n}.symbols = "AAA"' for n in range(200)),
    "many files": f"files = {names(5_000)}",
    "a pattern of many folders": f'files = ["{"/".join(["**"] * 12)}"]',
    "many modules": f"modules = {names(3_000)}",
    "many plugins": f"plugins = {names(3_000)}",
    "a long format of dates": f'data.options.date_format = "{"%Y" * 2_000}"',
    "steps of every size": "params.b = { start = 0, stop = 1e308, step = 1e303 }",
    "a logarithmic scale": "params.b = { low = 1e-300, high = 1e300, count = 20_000, log = true }",
    "a linear scale": "params.b = { low = 5e-324, high = 1e300, count = 100_000 }",
    "a comment of 2 MiB": "#" * 2**21,
}


@pytest.mark.exhaustive
def test_large_jobs_are_planned_or_rejected_within_bounds(tmp_path: Path) -> None:
    template = write_tiny(tmp_path / "template")
    cases = [
        Case(name, ("run", "job.toml", "--dry-run"), files={"job.toml": (BASE + text).encode()},
             template=template)
        for name, text in LARGE.items()
    ]  # fmt: skip
    cases.append(Case("a device", ("run", "/dev/zero", "--dry-run")))
    cases.append(Case("a FIFO", ("run", "fifo", "--dry-run"), files={"fifo": None}))
    preload = ["backfleet.job.model", "backfleet.plan.plan", "backfleet.cli.dry_run"]
    readable = [Path("/dev/zero")]
    assert_withstood(cases, Ground(tmp_path / "ground", readable=readable, preload=preload))
