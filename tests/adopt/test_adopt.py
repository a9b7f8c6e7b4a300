"""What `adopt` writes, and when it says that the values differ."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adopt.conftest import run_here
from adopt.scripts import CROSS, FEED, SCRIPTS
from backfleet.adopt.adopt import Adoption, Request, adopt
from backfleet.adopt.script import Script
from backfleet.backtest_on_import import backtest_on_import
from backfleet.errors import JobError, UserError
from backfleet.job import Job
from backfleet.plan.plan import plan_job
from backfleet.runs.run_task import run_task

Adopt = Callable[..., Adoption]

RANDOM = f"""
import random
import backtrader as bt
class Guesses(bt.Strategy):
    def next(self):
        self.order_target_size(target=random.randrange(5))
cerebro = bt.Cerebro()
cerebro.adddata({FEED})
cerebro.addstrategy(Guesses)
cerebro.run()
"""


def test_script_with_a_value_of_chance_is_refused(adopt_text: Adopt) -> None:
    with pytest.raises(UserError, match=r"value was [\d.]+, and [\d.]+ when it ran again"):
        adopt_text(RANDOM)
    assert not Path("adopted").exists()


def test_strict_refuses_what_has_no_key(adopt_text: Adopt) -> None:
    with pytest.raises(UserError, match="a job has no key for the observer Broker"):
        adopt_text(SCRIPTS["a strategy that reads observers and analyzers"], strict=True)
    assert not Path("adopted").exists()


def test_numbers_of_analyzers_become_columns(adopt_text: Adopt) -> None:
    adopt_text(SCRIPTS["analyzers, observers and writers"])
    row = run_task(Job.load("adopted/job.toml"), 0).row
    assert row["trades_total_closed"] == row["trades"]
    # The prices are those of less than a year.
    assert row["sharpe_sharperatio"] is None


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "sizer and commission of its own",
            [
                'commission = { class = "strategy.py:Stamp", commission = 0.0003 }',
                'class = "strategy.py:Tenth"',
                "part = 0.2",
            ],
        ),
        (
            "futures",
            [
                "commission = { per_share = 0.5, margin = 1.0 }",
                "[broker.symbols.ES]",
                "commission = { per_share = 2.0, multiplier = 10.0, margin = 2000.0 }",
            ],
        ),
        (
            "slippage and switches",
            [
                "slippage = { rate = 0.005, open = false }",
                "check_cash_at_submission = false",
                "fill_at_close = true",
                "short_cash = false",
            ],
        ),
        (
            "analyzers, observers and writers",
            [
                "[results.analyzers]",
                'sharpe = "SharpeRatio"',
                'trades = "TradeAnalyzer"',
                'sharpe1 = { class = "SharpeRatio", riskfreerate = 0.02 }',
            ],
        ),
        ("cheat on open", ["cheat_on_open = true"]),
        (
            "signals",
            [
                "_accumulate = true",
                "[signals]",
                'longshort = { class = "strategy.py:Momentum", period = 12 }',
            ],
        ),
        ("several stocks", ['feeds = ["BBB", "AAA", "CCC"]']),
        ("a feed to look at before the one that is traded", ['feeds = ["BBB", "AAA"]']),
        (
            "two symbols with weeks and months of their own",
            [
                'feeds = ["CCC", "BBB", "CCC.monthly", "BBB.weekly"]',
                "[data.auxiliary.monthly]",
                'resample = "1w"',
            ],
        ),
        (
            "quarters of an hour beside five minutes",
            # The last part of a session is no whole one, so the bars are those of the script.
            ['symbols = ["MIN"]', 'options = { stamp = "close" }', '[data.auxiliary."15min"]'],
        ),
        (
            "volume fillers",
            [
                'volume_filler = { class = "strategy.py:Share", part = 0.001 }',
                'class = "FixedSize"',
            ],
        ),
        (
            "leverage and interest",
            ["commission = { rate = 0.001, leverage = 4.0, interest = 0.2 }"],
        ),
    ],
)
def test_keys_of_the_job_replace_a_subclass(adopt_text: Adopt, name: str, lines: list[str]) -> None:
    assert adopt_text(SCRIPTS[name], strict=True).is_equal
    text = Path("adopted", "job.toml").read_text()
    assert "Adopted" not in text.partition("\n")[2]
    assert [line for line in lines if line not in text.splitlines()] == []


def test_one_of_several_runs_is_chosen_by_its_number(adopt_text: Adopt) -> None:
    text = f"import backtrader as bt\n{CROSS}\nfor fast in (3, 4):\n    cerebro = bt.Cerebro()\n"
    text += f"    cerebro.adddata({FEED})\n    cerebro.addstrategy(Cross, fast=fast)\n"
    text += "    cerebro.run()\n"
    assert adopt_text(text, run=2).is_equal
    assert "fast = 4" in Path("adopted", "job.toml").read_text()
    os.rename("adopted", "other")
    with pytest.raises(UserError, match=r"--run 3: script\.py has runs 1 to 2"):
        adopt_text(text, run=3)


def test_modules_beside_the_script_come_with_it(adopt_text: Adopt) -> None:
    Path("signals_of_mine").mkdir()
    Path("signals_of_mine/__init__.py").write_text("from .cross import Cross\n")
    never_called = "def old():\n    from . import for_python_2\n"
    Path("signals_of_mine/cross.py").write_text(f"import backtrader as bt\n{CROSS}{never_called}")
    Path("signals_of_mine/for_python_2.py").write_text('print "old"\n')
    adoption = adopt_text(
        "import backtrader as bt\nfrom signals_of_mine import Cross\n"
        f"cerebro = bt.Cerebro()\ncerebro.adddata({FEED})\n"
        "cerebro.addstrategy(Cross, fast=4)\ncerebro.run()\n"
    )
    assert adoption.is_equal
    assert Path("adopted/signals_of_mine/cross.py").is_file()
    assert Path("adopted/signals_of_mine/for_python_2.py").is_file()


def test_existing_folder_is_left_alone(adopt_text: Adopt) -> None:
    Path("adopted").mkdir()
    with pytest.raises(UserError, match="exists already"):
        adopt_text(SCRIPTS["top level with a plot"])
    assert not list(Path("adopted").iterdir())


@pytest.mark.parametrize(
    ("name", "timeout", "reason"),
    [
        ("script.py", float("nan"), "--timeout nan must be more than 0 seconds"),
        ("script.py", 0.0, "--timeout 0 must be more than 0 seconds"),
        ("script.ipynb", 300.0, "is a notebook"),
        ("nobody.py", 300.0, "there is no script nobody.py"),
        ("latin.py", 300.0, "invalid or missing encoding declaration"),
    ],
)
def test_request_that_cannot_be_served_is_refused(
    workplace: Path, name: str, timeout: float, reason: str
) -> None:
    for place in ("script.py", "script.ipynb"):
        Path(place).write_text("1 / 0\n")
    Path("latin.py").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UserError, match=reason):
        adopt(Request(Script(Path(name), timeout=timeout), Path("adopted")), run_here)
    assert not Path("adopted").exists()


def test_yahoo_prices_are_exported_as_the_strategy_saw_them(adopt_text: Adopt) -> None:
    adopt_text(SCRIPTS["a file of Yahoo"])
    assert 'source = "parquet"' in Path("adopted", "job.toml").read_text()


def test_dates_of_a_feed_become_those_of_the_job(adopt_text: Adopt) -> None:
    adoption = adopt_text(SCRIPTS["main guard and argparse"])
    assert adoption.data.source == "csv"
    text = Path("adopted", "job.toml").read_text()
    assert "start = 2019-02-01" in text
    assert "end = 2019-09-30" in text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import backtrader as bt\ncerebro = bt.Cerebro()\nif 1:\n    cerebro.run()\n", 4),
        ("from backtrader import Cerebro\nCerebro().run()\n", 2),
        ("def go():\n    e = bt.Cerebro()\n    e.run()\ndef main():\n    go()\nmain()\n", 6),
        ("def go():\n    bt.Cerebro().run()\nif __name__ == '__main__':\n    go()", None),
    ],
)
def test_line_that_runs_a_backtest_on_import_is_found(text: str, line: int | None) -> None:
    assert backtest_on_import(text.encode()) == line


def test_job_that_names_a_script_is_told_to_adopt_it(workplace: Path) -> None:
    Path("plain.py").write_text(SCRIPTS["top level with a plot"])
    job = Job(strategy="plain.py:Cross", data={"source": "csv", "path": "."})
    with pytest.raises(JobError, match=r"line 22, runs a backtest .* 'backfleet adopt plain.py"):
        plan_job(job)
