"""`[market]` in a job: the run's id, the rows, what is refused, and runs without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backfleet as bf
from backfleet.engine import BrokerSettings
from backfleet.errors import BackfleetError, DataError, JobError, MarketError
from backfleet.plan.plan import plan_job

EXAMPLES = Path(__file__).parents[2] / "examples" / "data" / "cn-daily"
CN_A = {"rules": "cn-a", "actions": "none"}


def job(tmp_path: Path, **changes: Any) -> bf.Job:
    values: dict[str, Any] = {
        "strategy": "sma-crossover",
        "data": {"source": "cn-daily", "path": str(EXAMPLES), "symbols": ["600559"]},
        "broker": {"cash": 1_000_000, "commission": 0.00025},
        "results": {"store": str(tmp_path / "runs")},
    }
    for name, change in changes.items():
        values[name] = {**values.get(name, {}), **change} if isinstance(change, dict) else change
    return bf.Job(**values)


def test_every_key_of_the_market_is_part_of_the_runs_id(tmp_path: Path) -> None:
    changes = [
        {}, {"off": ["t1"]}, {"off": ["t1", "lots"]}, {"orders": "wait"}, {"limit_fill": "bar"},
        {"volume_share": 0.25}, {"rules": "none"}, {"actions": "factor"}, {"rights": "subscribe"},
    ]  # fmt: skip
    ids = {plan_job(job(tmp_path, market={**CN_A, **change})).manifest.run_id for change in changes}
    ids.add(plan_job(job(tmp_path)).manifest.run_id)
    assert len(ids) == len(changes) + 1
    first, second = ({**CN_A, "off": off} for off in (["t1", "lots"], ["lots", "t1"]))
    assert (
        plan_job(job(tmp_path, market=first)).manifest.run_id
        == plan_job(job(tmp_path, market=second)).manifest.run_id
    )


def test_the_rules_change_a_run_and_every_engine_agrees(tmp_path: Path) -> None:
    first, *others = (
        bf.run(job(tmp_path, market=CN_A, engine=engine)).results()["final_value"].tolist()
        for engine in ("auto", "backtrader", "backtrader-stock")
    )
    assert others == [first, first]
    assert first != bf.run(job(tmp_path)).results()["final_value"].tolist()


def test_sizes_are_lots_and_prices_are_raw(tmp_path: Path) -> None:
    run = bf.run(job(tmp_path, market=CN_A))
    fills = run.fills(0)
    assert (fills["size"] % 100 == 0).all()
    assert (fills["price"].round(2) == fills["price"]).all()
    facts = dict(run.manifest.notes.lines(1))
    assert "no dividend, split or bonus share is paid (1 symbol)" in facts["market"]


def test_every_engine_agrees_on_a_portfolio_with_a_market(tmp_path: Path) -> None:
    data = {"symbols": ["600519", "600559", "600560"], "universe": "portfolio"}
    first, *others = (
        bf.run(job(tmp_path, data=data, market={"rules": "cn-a"}, engine=engine))
        .results()["final_value"]
        .tolist()
        for engine in ("auto", "backtrader", "backtrader-stock")
    )
    assert others == [first, first]


def test_a_run_without_a_table_of_actions_says_that_it_reinvests_dividends(tmp_path: Path) -> None:
    run = bf.run(job(tmp_path, market={"rules": "cn-a"}))
    assert run.manifest.identity.market is not None
    assert run.manifest.identity.market.actions == "factor"
    notes = dict(run.manifest.notes.lines(1))["market"]
    assert "dividends are reinvested at the reference price, untaxed (1 symbol)" in notes
    assert "no action explains an ex-date such as that of 600559 on 2019-06-06" in notes
    asked = plan_job(job(tmp_path, market={"rules": "cn-a", "actions": "factor"}))
    assert asked.manifest.run_id == run.id


@pytest.mark.parametrize(
    ("rules", "refused"), [("cn-a", True), ("us-equity", False), ("none", False)]
)
def test_prices_that_are_adjusted_already_have_no_lots(
    tmp_path: Path, rules: str, refused: bool
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "600000.csv").write_text(
        "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,1\n2024-01-03,1,1,1,1,1\n"
    )
    source: dict[str, Any] = {"source": "csv", "path": str(data), "symbols": ["600000"]}
    source["options"] = {"adjusted": "already-adjusted"}
    asked = job(tmp_path, data=source, market={"rules": rules})
    if not refused:
        plan_job(asked)
        return
    with pytest.raises(MarketError, match="the prices of 600000 are adjusted already, and lots"):
        plan_job(asked)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"market": {"rules": "cn-a", "actions": "all"}}, "market.actions"),
        ({"market": {"rules": "cn-a", "dividend_tax": True}}, "only if actions are booked exactly"),
        (
            {"market": {"rules": "cn-a", "dividend_tax": True}, "engine": "vector"},
            "the engine 'vector' does not tax dividends",
        ),
        ({"market": {**CN_A, "strict": True}}, "market.strict: the rules would assume: never ST"),
        ({"market": {"rules": "cn-a", "strict": True}}, "not booked exactly"),
        ({"market": {**CN_A, "rules": "cn-b"}}, "no market is named 'cn-b'"),
        ({"market": {**CN_A, "off": ["t+1"]}}, "market.off: 'cn-a' has no rule 't[+]1'"),
        ({"market": {**CN_A, "volume_share": 2}}, "market.volume_share"),
    ],
)
def test_what_cannot_be_run_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BackfleetError, match=message) as error:
        plan_job(job(tmp_path, **changes))
    assert error.value.exit_code == 2


def test_an_engine_that_knows_no_rules_is_refused(tmp_path: Path) -> None:
    from backfleet.plan.engines import check_market

    with pytest.raises(JobError, match="'other' does not follow the rules of a market"):
        check_market(job(tmp_path, market=CN_A), ["other"])


def test_a_symbol_that_the_rules_do_not_cover_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "AAPL.csv").write_text(
        "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,1\n2024-01-03,1,1,1,1,1\n"
    )
    path = {"source": "csv", "path": str(data), "symbols": ["AAPL"]}
    with pytest.raises(MarketError, match="AAPL is not a code of six digits"):
        plan_job(job(tmp_path, data=path, market=CN_A))


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"start": "1997-06-02", "end": "2025-12-31"}, ""),
        (
            {"start": "1997-05-09"},
            "600000: .*the table begins on 1997-05-10, and 1997-05-09 is earlier. "
            r'Let data.start be 1997-05-10 or later, or set market.off = \["duty"\]$',
        ),
        # None of the bars is covered.
        ({"end": "1996-12-31"}, r'600000: .* 1996-01-02 is earlier.* market.off = \["duty"\]$'),
    ],
)
def test_a_file_may_begin_before_the_tables_if_the_job_does_not(
    tmp_path: Path, window: dict[str, str], message: str
) -> None:
    days = np.busday_offset("1996-01-02", np.arange(800)).astype(str)
    lines = [f"{day},10,10.2,9.9,{10 + at % 7 / 100},10000" for at, day in enumerate(days)]
    data = tmp_path / "data"
    data.mkdir()
    (data / "600000.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines]))
    old = {"source": "csv", "path": str(data), "symbols": ["600000"], **window}
    asked = job(tmp_path, data=old, market=CN_A)
    if not message:
        assert plan_job(asked).manifest.symbols[0].first == "1997-06-02"
        return
    with pytest.raises(MarketError, match=message):
        plan_job(asked)


def test_days_without_a_value_are_one_message_with_an_off_that_works(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for symbol, first in (("AAPL", "2019-01-03"), ("SPY", "2019-01-02"), ("XOM", "2021-01-04")):
        lines = [f"{day},10,10,10,10,9" for day in np.busday_offset(first, np.arange(5))]
        (data / f"{symbol}.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines]))
    chosen = {"source": "csv", "path": str(data), "symbols": ["AAPL", "SPY"]}
    rules = {"rules": "us-equity", "off": ["lots"]}
    advice = 'Let data.start be 2020-02-18 or later, or set market.off = ["lots", "section-31"]'
    with pytest.raises(MarketError) as error:
        plan_job(job(tmp_path, data=chosen, market=rules))
    assert str(error.value) == (
        "SPY: fee on sales (Section 31): the table begins on 2020-02-18, and 2019-01-02 is "
        f"earlier. {advice}. The same holds for 1 other symbol"
    )
    chosen["symbols"] = ["AAPL", "SPY", "XOM"]
    with pytest.raises(
        DataError, match=r"2 of 3 symbols of .* cannot be used. Name the symbols in"
    ):
        plan_job(job(tmp_path, data=chosen, market=rules))
    rules["off"] = ["lots", "section-31"]
    assert len(plan_job(job(tmp_path, data=chosen, market=rules)).manifest.symbols) == 3


def test_a_market_needs_no_own_minimum_in_the_job(tmp_path: Path) -> None:
    broker = plan_job(job(tmp_path, market=CN_A)).manifest.broker
    assert broker == BrokerSettings(1_000_000.0, 0.00025)


def test_planning_names_all_symbols_whose_actions_are_unexplained(tmp_path: Path) -> None:
    every = job(tmp_path, data={"symbols": ["600519", "600559"]}, market={"rules": "cn-a"})
    notes = dict(plan_job(every).manifest.notes.lines(2))["market"]
    assert "no action explains an ex-date such as that of 600519 on 2019-06-28 (2 symbols)" in notes


@pytest.mark.parametrize(
    ("end", "listing", "is_early"),
    [("2024-01-05", "2024-01-08", True), ("2024-01-05", "2024-01-04", False),
     ("2024-01-05", "", False), ("2024-01-03", "2024-01-08", False)],
)  # fmt: skip
def test_a_run_says_that_new_shares_are_sold_before_their_listing(
    tmp_path: Path, end: str, listing: str, is_early: bool
) -> None:
    data = tmp_path / "data"
    (data / "facts").mkdir(parents=True)
    rows = ["2024-01-02,13,13,13,13,1", "2024-01-03,13,13,13,13,1", "2024-01-04,10,10,10,10,1"]
    (data / "600000.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]))
    (data / "facts" / "instruments.csv").write_text("symbol\n600000\n")
    actions = f"symbol,ex,bonus,listing\n600000,2024-01-04,0.3,{listing}\n"
    (data / "facts" / "actions.csv").write_text(actions)
    source = {"source": "csv", "path": str(data), "symbols": ["600000"], "end": end}
    source["facts"] = str(data / "facts")
    plan = plan_job(job(tmp_path, data=source, market={"rules": "cn-a"}))
    early = "new shares are sold from the ex-date on, before their day of listing (1 symbol)"
    assert (early in dict(plan.manifest.notes.lines(1))["market"]) is is_early
