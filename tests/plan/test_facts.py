"""Facts about a job's symbols: in the digests of their bars, in their market, and refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import DataError, JobError
from backfleet.job import Job
from backfleet.markets.cn_a.market import CnAMarket
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import Plan, plan_job
from backfleet.worker.task import TaskRunner

CN_A = {"rules": "cn-a", "actions": "none"}
SYMBOLS = ("600000", "600001")
FACTS = {
    "instruments": "symbol,listed\n600000,1999-11-10\n600001,1998-01-22\n",
    "spans": "symbol,what,from,to\n600000,st,2024-01-04,2024-01-09\n",
}
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"]

Planner = Callable[..., Plan]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bars of two symbols, old enough to be known by their times, and facts about them."""
    data = tmp_path / "data"
    (data / "facts").mkdir(parents=True)
    rows = "".join(f"{day},10,10.2,9.8,10,1000\n" for day in DAYS)
    for symbol in SYMBOLS:
        file = data / f"{symbol}.csv"
        file.write_text(f"date,open,high,low,close,volume\n{rows}")
        os.utime(file, (1.6e9, 1.6e9))
    write(data, FACTS)
    return data


def write(data: Path, tables: Mapping[str, str]) -> None:
    for name, content in tables.items():
        (data / "facts" / f"{name}.csv").write_text(content)


@pytest.fixture
def plan(folder: Path) -> Planner:
    """Plans buy-and-hold with the facts; `data` and `changes` change the job."""

    def planned(data: Mapping[str, Any] | None = None, **changes: Any) -> Plan:
        base: dict[str, Any] = {"source": "csv", "path": str(folder), "symbols": SYMBOLS}
        base |= {"facts": str(folder / "facts")}
        return plan_job(Job(strategy="buy-and-hold", data=base | dict(data or {}), **changes))

    return planned


def digests(manifest: Manifest) -> dict[str, str]:
    return dict(manifest.identity.data.digests)


@pytest.mark.parametrize("market", [None, CN_A])
def test_an_edited_span_changes_the_digest_of_its_symbol_alone(
    plan: Planner, folder: Path, market: dict[str, str] | None
) -> None:
    before = plan(market=market).manifest
    again = plan(market=market).manifest
    assert again.run_id == before.run_id
    write(folder, {"spans": FACTS["spans"].replace("2024-01-09", "2024-01-08")})
    after = plan(market=market).manifest
    assert after.run_id != before.run_id
    assert digests(after)["600000"] != digests(before)["600000"]
    assert digests(after)["600001"] == digests(before)["600001"]


def test_facts_are_part_of_the_digests_and_of_the_runs_id(plan: Planner) -> None:
    with_facts, without = plan().manifest, plan({"facts": None}).manifest
    assert without.identity.data.facts is False
    assert with_facts.identity.data.facts is True
    assert with_facts.run_id != without.run_id
    assert not set(digests(with_facts).values()) & set(digests(without).values())
    assert plan({"facts": None}).manifest.run_id == without.run_id


def test_where_the_facts_are_decides_nothing(plan: Planner, folder: Path) -> None:
    before = plan().manifest
    elsewhere = (folder / "facts").rename(folder.parent / "elsewhere")
    assert plan({"facts": str(elsewhere)}).manifest.run_id == before.run_id


def test_facts_are_data_of_a_task_and_a_run_without_facts_has_no_empty_path(
    plan: Planner, folder: Path
) -> None:
    assert plan().task_context().data == [str(folder), str(folder / "facts")]
    assert plan({"facts": None}).task_context().data == [str(folder)]


def test_facts_of_later_days_than_the_job_change_nothing(plan: Planner, folder: Path) -> None:
    before = plan({"end": "2024-01-05"}).manifest
    later = "600000,st,2024-01-04,2024-01-10\n600001,st,2024-01-08,\n"
    write(folder, {"spans": f"symbol,what,from,to\n{later}"})
    assert plan({"end": "2024-01-05"}).manifest.run_id == before.run_id
    assert plan({"end": "2024-01-08"}).manifest.run_id != before.run_id


def test_the_rules_of_a_market_follow_the_facts(plan: Planner) -> None:
    bars = {
        symbol.symbol: symbol
        for task in range(2)
        for symbol in runner(plan(market=CN_A)).simulate(task).bars.bars
    }
    upper = dict[str, list[float]]()
    for symbol in SYMBOLS:
        facts = bars[symbol].facts
        limits = None if facts is None else CnAMarket().limits(bars[symbol], facts, frozenset())
        upper[symbol] = [] if limits is None else limits.up[1:].tolist()
    assert upper["600000"] == [11.0, 10.5, 10.5, 10.5, 11.0]
    assert upper["600001"] == [11.0, 11.0, 11.0, 11.0, 11.0]


def test_nothing_is_assumed_that_the_facts_say(plan: Planner) -> None:
    without = plan({"facts": None}, market=CN_A).manifest.notes.market
    assert {words.split(",")[0]: count for words, count in without.items()} == {
        "never ST": 2,
        "listed before its first bar": 2,
        "raw prices": 2,
    }
    manifest = plan(market=CN_A).manifest
    assert [words.split(",")[0] for words in manifest.notes.market] == ["raw prices"]
    assert plan(market={**CN_A, "strict": True}).manifest.run_id == manifest.run_id


@pytest.mark.parametrize("market", [None, CN_A])
def test_a_symbol_without_facts_is_refused_with_what_to_add(
    plan: Planner, folder: Path, market: dict[str, str] | None
) -> None:
    write(folder, {"instruments": "symbol\n600000\n"})
    with pytest.raises(DataError, match="instruments has no row for the symbol '600001'") as e:
        plan(market=market)
    assert e.value.exit_code == 2
    assert [symbol.name for symbol in plan({"on_bad_symbol": "skip"}).manifest.symbols] == [
        "600000"
    ]


@pytest.mark.parametrize(
    ("instruments", "spans", "words"),
    [
        (None, None, "membership of today"),
        ("", None, "membership of today"),
        ("", "0,st,2020-01-01,\n", "membership of today"),
        ("2024-01-09", None, "1 of 10 symbols were delisted"),
        (
            "",
            "0,index:000300,2020-01-01,\n",
            "0 of 10 symbols were delisted; members of 000300 by date",
        ),
    ],
)
def test_a_run_over_a_universe_says_what_it_knows_of_symbols_that_are_gone(
    plan: Planner, folder: Path, instruments: str | None, spans: str | None, words: str
) -> None:
    symbols = [str(number) for number in range(10)]
    for symbol in symbols:
        (folder / f"{symbol}.csv").write_text((folder / "600000.csv").read_text())
    (folder / "facts" / "spans.csv").unlink()
    rows = "".join(f"{symbol},{(instruments or '') * (symbol == '3')}\n" for symbol in symbols)
    write(folder, {"instruments": f"symbol,delisted\n{rows}"})
    if spans is not None:
        write(folder, {"spans": f"symbol,what,from,to\n{spans}"})
    facts = {} if instruments is not None else {"facts": None}
    notes = plan({"symbols": symbols, **facts}).manifest.notes
    assert dict(notes.lines(10))["survivorship"] == words
    assert not plan({"symbols": symbols[:9], **facts}).manifest.notes.survivorship


def test_facts_that_are_not_there_are_refused(plan: Planner, folder: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\. Correct .* data\.facts"):
        plan({"facts": str(folder / "nowhere")})


def test_feeds_and_benchmarks_need_no_facts(plan: Planner, folder: Path) -> None:
    (folder / "index.csv").write_text((folder / "600000.csv").read_text())
    planned = plan(
        {"auxiliary": {"market": {"symbols": "index"}}},
        results={"benchmark": "index", "extended": True},
    )
    assert runner(planned).result(0).error is None


def test_the_example_with_a_market_has_facts_about_all_its_symbols() -> None:
    job = Job.load(Path(__file__).parents[2] / "examples" / "jobs" / "sma-cn-a.toml")
    manifest = plan_job(job).manifest
    assert manifest.identity.data.facts
    assert len(manifest.symbols) == 3


def test_no_feed_is_called_facts() -> None:
    feeds = {"facts": {"symbols": "index"}}
    with pytest.raises(JobError, match=r'data\.auxiliary\.facts = "facts": cannot be the name'):
        Job(strategy="buy-and-hold", data={"source": "csv", "path": ".", "auxiliary": feeds})


def test_a_task_refuses_facts_that_have_changed_since_the_plan(plan: Planner, folder: Path) -> None:
    planned = plan()
    write(folder, {"spans": FACTS["spans"].replace("2024-01-09", "2024-01-08")})
    error = str(runner(planned).result(0).error)
    assert "or a row about 600000 in the job's facts, has changed" in error
    assert runner(planned).result(1).error is None


def runner(plan: Plan) -> TaskRunner:
    return TaskRunner(plan.task_context())
