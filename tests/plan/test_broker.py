"""Costs and switches of a job's broker: which engines know them, and what the plan keeps."""

from __future__ import annotations

from typing import Any

import pytest

from backfleet.engine import Commission, Slippage, SymbolCosts
from backfleet.errors import JobError
from backfleet.job import Job
from backfleet.plan.broker import broker_settings, broker_table
from backfleet.plan.broker_keys import check_broker
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import plan_job
from sample_job import SAMPLE_DATA

ENTRY = {"strategy": "sma-crossover", "params": {"period": 15}}
DATA = {"source": "cn-daily", "path": str(SAMPLE_DATA), "timezone": "Asia/Shanghai"}


def job(broker: dict[str, Any], **more: Any) -> Job:
    return Job(**ENTRY, **{"data": DATA, "broker": broker, **more})


def planned(broker: dict[str, Any], **more: Any) -> Manifest:
    return plan_job(job(broker, **more)).manifest


VECTOR_KNOWS: list[dict[str, Any]] = [
    {"commission": {"per_share": 0.01}},
    {"commission": {"rate": 0.001, "per_order": 1}},
    {"commission": {"multiplier": 10}},
    {"slippage": {"rate": 0.01, "open": False, "out": True}},
    {"slippage": {"per_share": 0.01, "limit": False}},
    {"symbols": {"600519": {"commission": 0.001}}},
]
ONLY_BACKTRADER: list[tuple[dict[str, Any], str]] = [
    ({"commission": {"margin": 2000}}, "commission.margin"),
    ({"commission": {"leverage": 2}}, "commission.leverage"),
    ({"commission": {"interest": 0.05}}, "commission.interest"),
    ({"slippage": {"rate": 0.01, "match": False}}, "slippage.match"),
    ({"check_cash_at_submission": False}, "check_cash_at_submission"),
    ({"fill_at_close": True}, "fill_at_close"),
    ({"cheat_on_open": True}, "cheat_on_open"),
    ({"session_end_fills": True}, "session_end_fills"),
    ({"short_cash": False}, "short_cash"),
    ({"interest_in_pnl": False}, "interest_in_pnl"),
    ({"fund_mode": True}, "fund_mode"),
    ({"symbols": {"600519": {"commission": {"margin": 9}}}}, "symbols.600519.commission.margin"),
]


@pytest.mark.parametrize("broker", VECTOR_KNOWS)
def test_costs_that_vector_knows_leave_it_the_first_engine(broker: dict[str, Any]) -> None:
    assert planned(broker).engine == "vector"


@pytest.mark.parametrize(("broker", "key"), ONLY_BACKTRADER)
def test_other_settings_need_backtrader(broker: dict[str, Any], key: str) -> None:
    assert planned(broker).engine == "backtrader"
    with pytest.raises(JobError) as refusal:
        plan_job(job(broker, engine="vector"))
    assert str(refusal.value) == (
        f"broker.{key}: the engine 'vector' does not know it. Use engine = 'backtrader', or "
        "remove the key"
    )


def test_costs_of_one_symbol_in_a_portfolio_need_backtrader() -> None:
    broker = {"symbols": {"600519": {"minimum_commission": 5}}}
    data = {**DATA, "universe": "portfolio"}
    assert planned(broker, data=data).engine == "backtrader"
    with pytest.raises(JobError, match=r"broker\.symbols\.600519\.commission: the engine"):
        plan_job(job(broker, data=data, engine="vector"))


@pytest.mark.parametrize(
    "broker",
    [
        {"commission": {"margin": 9}},
        {"commission": {"multiplier": 2}},
        {"slippage": {"rate": 0.1, "out": True}},
        {"fill_at_close": True},
        {"cheat_on_open": True},
        {"commission": {"leverage": 2}},
        {"commission": {"class": "CommInfo"}},
        {"volume_filler": {"class": "FixedSize"}},
    ],
)
def test_a_market_excludes_what_would_leave_its_rules(broker: dict[str, Any]) -> None:
    with pytest.raises(JobError, match=r"^broker\..*: the rules of a market exclude it\. Remove"):
        plan_job(job(broker, market={"rules": "none", "actions": "none"}))


def test_an_engine_of_a_plugin_knows_numbers_only() -> None:
    check_broker(job({"commission": 0.1, "slippage": 0.2}), ["other"])
    with pytest.raises(JobError, match=r"^broker\.commission\.per_share: the engine 'other' does"):
        check_broker(job({"commission": {"per_share": 1}}), ["other"])


def test_costs_of_an_unknown_symbol_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(JobError, match=r"^broker\.symbols\.600518: .*did you mean '6005.*'\?$"):
        plan_job(job({"symbols": {"600518": {"commission": 0}}}))


def test_costs_of_a_symbol_outside_the_run_do_not_change_its_id() -> None:
    data = {**DATA, "symbols": ["600519"]}
    costs = {"symbols": {"600559": {"commission": 0.3}}}
    assert planned(costs, data=data).run_id == planned({}, data=data).run_id


@pytest.mark.parametrize(
    ("given", "attribute", "value"),
    [
        ({"commission": {"rate": 0.01, "multiplier": 1}}, "commission", 0.01),
        ({"commission": {"per_share": 2}}, "commission", Commission(per_share=2.0)),
        ({"slippage": {"per_share": 2}}, "slippage", 2.0),
        ({"slippage": {"match": False}}, "slippage", 0.0),
        ({"slippage": {"rate": 0.5, "out": True}}, "slippage", Slippage(rate=0.5, out=True)),
        (
            {"commission": 0.1, "minimum_commission": 3, "symbols": {"A": {"commission": 0.2}}},
            "symbols",
            (SymbolCosts("A", Commission(rate=0.2), 3.0),),
        ),
        (
            {"commission": 0.1, "symbols": {"A": {"minimum_commission": 2}, "B": {}}},
            "symbols",
            (SymbolCosts("A", Commission(rate=0.1), 2.0),),
        ),
    ],
)
def test_the_same_numbers_have_one_form(
    given: dict[str, Any], attribute: str, value: object
) -> None:
    assert getattr(broker_settings(job(given).broker, ["A"]), attribute) == value


def test_the_table_of_a_runs_broker_gives_the_same_broker() -> None:
    given = {
        "commission": {"per_share": 1, "margin": 20},
        "slippage": {"rate": 0.1, "match": False},
        "symbols": {"A": {"commission": {"interest": 0.1, "interest_on_long": True}}},
        "short_cash": False,
    }
    settings = broker_settings(job(given).broker, ["A"])
    assert broker_settings(job(broker_table(settings)).broker, ["A"]) == settings


def test_a_manifest_keeps_its_broker() -> None:
    manifest = planned({"commission": {"margin": 9}, "symbols": {"600519": {"commission": 0.1}}})
    again = Manifest.from_bytes(manifest.to_bytes(), lambda digest: b"")
    assert again.broker == manifest.broker
    assert again.run_id == manifest.run_id
