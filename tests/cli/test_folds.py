"""`backfleet folds`: the folds of a run on the command line, and the lines at the end of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import backfleet as bf
from sample_job import job_of
from workshop import Ask, Workshop

ROLLING = {"windows": "rolling", "train": "1 year", "test": "6 months"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    store = tmp_path_factory.mktemp("folds") / "runs"
    return bf.run(job_of(store, params={"period": [10, 20]}, validation=ROLLING), progress=None)


def test_it_shows_the_table_of_folds_and_says_what_they_mean(ask: Ask, run: bf.Run) -> None:
    shown = ask(f"folds {run.url}")
    assert (shown.code, shown.err) == (0, "")
    head, _, *rows = shown.out.splitlines()[:5]
    assert head.split()[:3] == ["fold", "train", "test"]
    assert [row.split()[:4] for row in rows[:1]] == [["1", "2019-01-03", "to", "2019-12-31"]]
    assert "3 folds (rolling, train 1 year, test 6 months), chosen by sharpe." in shown.out
    assert "The stitched account of the tests, 2020-01-02 to 2021-06-30: return" in shown.out


def test_json_has_every_fold_and_the_account(ask: Ask, run: bf.Run) -> None:
    facts = json.loads(ask(f"folds {run.url} --json").out)
    folds = run.folds()
    assert [row["point"] for row in facts["folds"]] == [choice.point for choice in folds.choices]
    assert facts["rule"] == ROLLING
    assert folds.account is not None
    assert facts["account"]["total_return"] == folds.account.metrics["total_return"]
    assert facts["account"]["trades"] == folds.account.trades
    assert facts["decay"] == folds.decay


def test_set_changes_the_rule_and_the_windows(ask: Ask, run: bf.Run) -> None:
    text = ask(f"folds {run.url} --set validation.select=sortino --set 'where=trades > 1000'").out
    assert "chosen by sortino where trades > 1000." in text
    assert "All 3 folds hold cash, because no point satisfies trades > 1000 in the" in text
    text = ask(f"folds {run.url} --set windows=groups --set groups=4").out
    assert "6 folds (groups, 2 of 4 tested), chosen by sharpe." in text
    assert "Sharpe of 3 paths: median" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--set select=win_rate", "does not follow from the returns of a window. Use sharpe,"),
        ("--set train='20 years'", "no window fits into 607 sessions from 2019-01-03 to"),
        ("--set familly=x", "unknown key; did you mean 'family'?"),
        ("--set validation.validation=x", "[validation]: validation: unknown key"),
        ("--set self=x", "[validation]: self: unknown key"),
        ("--set select", "must be a key and a value"),
    ],
)
def test_a_rule_that_cannot_be_used_is_a_usage_error(
    options: str, message: str, ask: Ask, run: bf.Run
) -> None:
    refused = ask(f"folds {run.url} {options}")
    assert refused.code == 2
    assert message in refused.err
    assert refused.out == ""


def test_a_run_without_windows_says_how_to_give_them(ask: Ask, tmp_path: Path) -> None:
    run = bf.run(job_of(tmp_path, params={"period": 10}, symbols=("600519",)), progress=None)
    refused = ask(f"folds {run.url}")
    assert refused.code == 2
    assert "--set windows=rolling --set train='3 years' --set test='1 year'" in refused.err


def test_the_end_of_a_run_and_the_dry_run_tell_of_the_folds(
    workshop: Workshop, ask: Ask, tmp_path: Path
) -> None:
    keys = " ".join(f"--set \"validation.{key}='{value}'\"" for key, value in ROLLING.items())
    store = f"--set results.store={tmp_path / 'runs'}"
    planned = ask(f"run sma.toml --dry-run {keys} {store}").out
    assert (
        "windows   3 folds (rolling), tested 2020-01-02 to 2021-06-30; 1.0 times the work of the "
        "plain sweep"
    ) in planned.splitlines()
    flat = ask(f"run sma.toml --dry-run {keys} --set validation.start=flat {store}").out
    assert "3 folds (rolling), tested 2020-01-02 to 2021-06-30; 1.8 times the work of" in flat
    text = ask(f"run sma.toml {keys} {store}").out
    assert "folds:   3 folds (rolling, train 1 year, test 6 months), chosen by sharpe." in text
    assert "folds:   The stitched account of the tests, 2020-01-02 to" in text
    refused = ask(f"run sma.toml {keys.replace('1 year', '9 years')} {store}")
    assert refused.code == 2
    assert "no window fits into" in refused.err


def test_a_run_without_details_says_that_it_lacks_trades_and_fees(
    ask: Ask, tmp_path: Path, run: bf.Run
) -> None:
    results = {"store": str(tmp_path), "detail": "summary"}
    keys = {"params": {"period": [10, 20]}, "validation": ROLLING, "results": results}
    summary = bf.run(job_of(tmp_path, **keys), progress=None)
    lacks = 'Trades and fees are not stored, because the job has results.detail = "summary".'
    assert lacks in ask(f"folds {summary.url}").out
    assert lacks not in ask(f"folds {run.url}").out
