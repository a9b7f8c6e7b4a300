"""`backfleet check` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workshop import Ask, Workshop

BAD = Path(__file__).parent.parent.parent / "examples" / "bad-strategies"


def test_a_sound_strategy_passes(ask: Ask) -> None:
    answer = ask("check sma-crossover --symbols 600519 -p period=20")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "sma-crossover on 600519, 2019-01-02 to 2021-07-05"
    assert {line.split()[0] for line in lines[2:]} == {"passed"}


def test_a_failure_names_the_bar_and_exits_with_1(ask: Ask) -> None:
    answer = ask(f"check {BAD}/looks_ahead.py:LooksAhead --symbols 600519")
    assert answer.code == 1
    assert "FAILED   look-ahead     600519, bar 0 (2019-01-02): target" in answer.out
    assert "1 of " in answer.out.splitlines()[-1]


def test_json_has_every_check_and_nothing_that_the_strategy_prints(
    ask: Ask, tmp_path: Path
) -> None:
    text = (BAD / "never_trades.py").read_text()
    text = text.replace("return", "print('hello\\n' * 500)\n        return")
    (tmp_path / "talks.py").write_text(f"{text}\nprint('imported')\n")
    answer = ask(f"check {tmp_path}/talks.py:NeverTrades --symbols 600519 --json")
    assert answer.code == 1
    report = json.loads(answer.out)
    assert not report["passed"]
    assert report["checks"][1]["check"] == "signals"
    assert report["checks"][1]["status"] == "failed"
    # Checks run a strategy many times, so only its first lines are shown.
    assert "imported\nhello\n" in answer.err
    assert answer.err.count("hello") < 30
    assert "what the strategy prints then is left out" in answer.err


def test_skipped_checks_are_not_counted_as_failures(ask: Ask) -> None:
    answer = ask(f"check {BAD}/never_trades.py:NeverTrades --symbols 600519")
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "1 of 8 checks failed, 6 skipped"


def test_a_portfolio_is_checked_on_all_symbols_of_its_data(ask: Ask, tmp_path: Path) -> None:
    days = [f"2024-{month:02}-{day:02}" for month in range(1, 5) for day in range(1, 29)]
    for number in range(7):
        prices = [10 + (number * 7 + at * (number + 3)) % 11 for at in range(len(days))]
        lines = [
            f"{day},{price},{price + 1},{price - 1},{price},1"
            for day, price in zip(days, prices, strict=True)
        ]
        (tmp_path / f"S{number}.csv").write_text(
            "\n".join(["date,open,high,low,close,volume", *lines])
        )
    answer = ask(f"check top-n-momentum --data {tmp_path} -p days=5")
    assert "S0, S1, S2, S3, S4 and 2 more as one portfolio" in answer.out


def test_data_and_broker_can_come_from_a_job_or_a_folder(ask: Ask, workshop: Workshop) -> None:
    assert ask("check buy-and-hold --data sma.toml").code == 0
    folder = f"--data {workshop.data} --source cn-daily"
    answer = ask(f"check buy-and-hold {folder} --set data.timezone=Asia/Shanghai")
    assert answer.code == 0
    assert "600519, 600559, 600560, 2019" in answer.out
    (workshop.folder / "bars").mkdir()
    (workshop.folder / "bars" / "A.parquet").write_bytes(b"")
    # Read as Parquet without an option: the file is named, and not that there is no CSV.
    assert "A.parquet" in ask("check buy-and-hold --data bars").err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sma-crosover", "did you mean 'sma-crossover'"),
        ("sma-crossover -p perod=3", "did you mean 'period'"),
        ("sma-crossover --data nowhere.toml", "no job file nowhere.toml"),
        ("sma-crossover --data nowhere", "nowhere"),
        ("sma-crossover --source cvs --data .", "did you mean 'csv'"),
        ("sma-crossover --set data.end=2019-02-01", "needs at least 60"),
        ("missing.py:Missing", "no file"),
        ("nowhere.toml", "pass the job as --data nowhere.toml"),
    ],
)
def test_a_bad_request_is_refused(ask: Ask, line: str, message: str) -> None:
    answer = ask(f"check {line}")
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert not answer.out


def test_the_docs_show_what_is_printed(ask: Ask) -> None:
    root = BAD.parent.parent
    text = (root / "docs" / "check.md").read_text()
    shown = text.partition("```console\n$ backfleet ")[2].partition("\n```")[0]
    line, _, printed = shown.partition("\n")
    answer = ask(line.replace("examples/", f"{root}/examples/"))
    assert answer.out.replace(f"{root}/", "").strip() == printed
