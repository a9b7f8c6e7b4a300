"""How long commands take as fresh processes.

Limits: `backfleet --help` at most twice `python -c 'import click'`, importing nothing heavy; one
symbol and one point, from the CSV to stored results, at most 1.5 times a plain script of backtrader
and pandas. Bytecode and the strategy's description are there from an earlier run; prepared bars and
the store are not.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
from pathlib import Path

from measure import (
    BACKFLEET,
    Comparison,
    Reading,
    alternate,
    compare,
    python_output,
    run_process,
    workspace,
)

DATA = Path(__file__).parent.parent / "examples" / "data" / "cn-daily"
PLAIN = str(Path(__file__).with_name("plain_backtest.py"))
HEAVY = ("numpy", "pandas", "backtrader", "numba", "boto3", "pydantic", "pyarrow", "duckdb")

IMPORTS = """
import contextlib, io, sys
from backfleet.cli import main
sys.argv = ["backfleet", "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()
print(*sys.modules)
"""

JOB = f"""
strategy = "sma-crossover"
params.period = 15

[data]
source = "cn-daily"
path = "{DATA}"
symbols = ["600519"]
timezone = "Asia/Shanghai"

[broker]
cash = 100_000
commission = 0.0002
"""

_stores = itertools.count()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=15)
    repetitions = arguments.parse_args().repetitions
    with workspace() as folder:
        _help(repetitions)
        (folder / "job.toml").write_text(JOB)
        _backfleet(folder)
        readings = alternate({"base": _plain, "backfleet": lambda: _backfleet(folder)}, repetitions)
        what = Comparison("One symbol, one point, from the CSV", "ms", 1e3, 1.5, "clock")
        compare(what, readings["backfleet"], readings["base"])


def _help(repetitions: int) -> None:
    modules = python_output("-c", IMPORTS).split()
    heavy = [name for name in HEAVY if name in modules]
    print(f"backfleet --help has {len(modules)} modules, of the heavy ones: {heavy or 'none'}")
    readings = alternate(
        {
            "base": lambda: run_process([sys.executable, "-c", "import click"]),
            "backfleet": lambda: run_process([BACKFLEET, "--help"]),
        },
        repetitions,
    )
    what = Comparison("backfleet --help and python -c 'import click'", "ms", 1e3, 2.0)
    compare(what, readings["backfleet"], readings["base"])


def _plain() -> Reading:
    return run_process([sys.executable, PLAIN, str(DATA / "600519.csv"), "15"])


def _backfleet(folder: Path) -> Reading:
    shutil.rmtree(folder / "cache" / "bars", ignore_errors=True)
    store = f"results.store=store-{next(_stores)}"
    return run_process([BACKFLEET, "run", "job.toml", "--set", store, "--json"])


if __name__ == "__main__":
    main()
