"""A job's bars and further feeds, as they are planned and as workers find them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backfleet.bar_length import length_words
from backfleet.engines.vector.targets import tradable_bars
from backfleet.errors import DataChanged, DataError, JobError, UnknownPlugin
from backfleet.job import Job
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import Plan, plan_job
from backfleet.plan.task_context import TaskContext
from backfleet.worker.task import TaskRunner

HEADER = "date,open,high,low,close\n"
DAYS = HEADER + "".join(f"2020-01-0{day},2,3,1,2\n" for day in range(1, 8))
MINUTES = HEADER + "".join(f"2020-01-0{day} 10:0{at},2,3,1,2\n" for day in (1, 2) for at in (1, 2))

Planner = Callable[..., Plan]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """CSV files of daily bars, A, B and M, and of minute bars, I."""
    for name, content in {"A": DAYS, "B": DAYS, "M": DAYS, "I": MINUTES}.items():
        (tmp_path / f"{name}.csv").write_text(content)
    return tmp_path


@pytest.fixture
def plan(folder: Path) -> Planner:
    """Plans buy-and-hold of A with these further feeds; `data` changes the job's data."""

    def planned(feeds: dict[str, Any], **data: Any) -> Plan:
        base: dict[str, Any] = {"source": "csv", "path": str(folder), "symbols": "A"}
        values: dict[str, Any] = {"strategy": "buy-and-hold", "data": base | data}
        values["data"]["auxiliary"] = feeds
        return plan_job(Job(**values))

    return planned


def test_a_further_feed_makes_another_run(plan: Planner) -> None:
    runs = [
        plan(feeds).manifest.run_id
        for feeds in (
            {},
            {"market": {"symbols": "M"}},
            {"other": {"symbols": "M"}},
            {"market": {"symbols": "B"}},
            {"market": {"symbols": "M", "timezone": "Asia/Shanghai"}},
        )
    ]
    assert len(set(runs)) == 5


def test_the_content_of_a_further_feed_is_part_of_the_id(plan: Planner, folder: Path) -> None:
    feeds = {"market": {"symbols": "M"}}
    week, all_there_is = plan(feeds, end="2020-01-07"), plan(feeds)
    (folder / "M.csv").write_text(DAYS + "2020-01-08,2,3,1,2\n")
    assert plan(feeds, end="2020-01-07").manifest.run_id == week.manifest.run_id
    assert plan(feeds).manifest.run_id != all_there_is.manifest.run_id


def test_where_a_further_feed_lies_and_in_which_order_they_are_named_decides_nothing(
    plan: Planner, folder: Path
) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "M.csv").write_text(DAYS)
    moved = {"symbols": "M", "path": str(folder / "elsewhere")}
    one = plan({"market": {"symbols": "M"}, "b": {"symbols": "B"}})
    other = plan({"b": {"symbols": "B"}, "market": moved})
    assert one.manifest.run_id == other.manifest.run_id


@pytest.mark.parametrize(
    ("feed", "error", "message"),
    [
        ({"symbols": "N"}, DataError, r"data\.auxiliary\.market: symbol 'N': there is no "),
        (
            {"symbols": "M", "source": "csf"},
            UnknownPlugin,
            r"data\.auxiliary\.market: .*csf.*did you mean",
        ),
        (
            {"symbols": "M", "options": {"delimeter": ";"}},
            JobError,
            r"data\.auxiliary\.market\.options\.delimeter: unknown key; did you mean 'delimiter'",
        ),
        ({"symbols": "M", "columns": ["pe"]}, DataError, r"data\.auxiliary\.market: .*pe"),
    ],
)
def test_what_is_wrong_with_a_further_feed_is_said_with_its_name(
    plan: Planner, feed: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan({"market": feed})


def test_a_further_feed_without_bars_in_the_window_is_refused(plan: Planner, folder: Path) -> None:
    (folder / "M.csv").write_text(HEADER + "2019-01-01,2,3,1,2\n")
    with pytest.raises(
        DataError, match=r"data\.auxiliary\.market: .*M has no bars from 2020-01-03"
    ):
        plan({"market": {"symbols": "M"}}, start="2020-01-03")


def test_a_day_beside_minutes_is_seen_when_it_is_over(plan: Planner) -> None:
    bars = runner(plan({"day": {"symbols": "M"}}, symbols="I")).simulate(0).bars.bars[0]
    day = tradable_bars(bars).auxiliary["day"]
    assert day.tradable.tolist() == [False, False, True, True]
    assert plan({"minute": {"symbols": "I"}}).manifest.tasks == 1


def test_a_further_feed_at_irregular_times_is_refused_unless_its_times_are_ends(
    plan: Planner, folder: Path
) -> None:
    times = ("10:00", "10:01", "10:03", "10:06", "10:10", "10:15")
    (folder / "T.csv").write_text(HEADER + "".join(f"2020-01-01 {at},2,3,1,2\n" for at in times))
    feed: dict[str, Any] = {"symbols": "T"}
    with pytest.raises(
        DataError, match=r"T has bars at irregular .* in data\.auxiliary\.t\.options"
    ):
        plan({"t": feed}, symbols="I")
    assert plan({"t": {**feed, "options": {"stamp": "close"}}}, symbols="I").manifest.tasks == 1


def test_a_resampled_feed_is_made_from_each_symbols_own_bars(plan: Planner) -> None:
    planned = plan({"week": {"resample": "1w"}}, symbols=["A", "B"])
    assert planned.manifest.identity.data.resampled == {"week": "1w"}
    assert planned.manifest.run_id != plan({}, symbols=["A", "B"]).manifest.run_id
    for task, symbol in enumerate("AB"):
        (bars,) = runner(planned).simulate(task).bars.bars
        week = bars.auxiliary["week"]
        assert (week.symbol, week.session.astype(str).tolist()) == (
            symbol,
            ["2019-12-30", "2020-01-06"],
        )
        assert length_words(week.length) == "1 week"


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        (
            {"resample": "1d"},
            r"auxiliary\.f: resample = \"1d\": A has bars of 1 day; bars of 1 day",
        ),
        ({"resample": "7min"}, r"data\.auxiliary\.f\.resample = \"7min\".*divide a day"),
        ({"resample": "2w"}, r"data\.auxiliary\.f\.resample = \"2w\".*1d, 1w, 1mo, 3mo, 1y"),
        ({"resample": "1w", "symbols": "M"}, r"resample uses the symbol's own bars.*symbols"),
        ({}, r"must have symbols"),
    ],
)
def test_what_cannot_be_resampled_is_refused(
    plan: Planner, feed: dict[str, Any], message: str
) -> None:
    with pytest.raises((DataError, JobError), match=message):
        plan({"f": feed})


def test_all_bad_files_are_in_one_message(plan: Planner, folder: Path) -> None:
    (folder / "A.csv").write_text(DAYS.replace("2020-01-03,2", "2020-01-03,0"))
    (folder / "B.csv").write_text("date,open\n")
    with pytest.raises(DataError) as caught:
        plan({}, symbols="*")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("A.csv: row 4: open is '0', not a positive number")
    assert "B.csv: row 1: there is no column 'high'" in lines[1]
    assert lines[2].startswith("2 of 4 symbols of ")
    assert 'data.on_bad_symbol = "skip"' in lines[2]


def test_many_bad_files_are_counted(plan: Planner, folder: Path) -> None:
    for number in range(30):
        (folder / f"X{number}.csv").write_text("")
    with pytest.raises(DataError, match=r"\.\.\. and 20 more\n30 of 34 symbols of"):
        plan({}, symbols="*")


def test_bad_symbols_can_be_skipped_and_the_run_says_so(plan: Planner, folder: Path) -> None:
    (folder / "B.csv").write_text(DAYS.replace("2020-01-03,2", "2020-01-03,0"))
    planned = plan({}, symbols=["A", "B", "M"], on_bad_symbol="skip")
    assert [symbol.name for symbol in planned.manifest.symbols] == ["A", "M"]
    reason = "B.csv: row 4: open is '0', not a positive number"
    assert planned.manifest.notes.skipped == {"B": reason}
    # What was left out is no part of the id.
    assert planned.manifest.run_id == plan({}, symbols=["A", "M"]).manifest.run_id
    stored = Manifest.from_bytes(planned.manifest.to_bytes(), lambda name: b"")
    assert stored.notes == planned.manifest.notes


def test_a_job_whose_symbols_are_all_bad_is_refused(plan: Planner, folder: Path) -> None:
    (folder / "A.csv").write_text("")
    with pytest.raises(DataError, match=r"A\.csv: no rows: the file is empty"):
        plan({}, on_bad_symbol="skip")


def test_symbols_can_be_excluded_by_name_and_by_glob(plan: Planner) -> None:
    planned = plan({}, symbols="*", exclude=["I", "[BM]"])
    assert [symbol.name for symbol in planned.manifest.symbols] == ["A"]
    with pytest.raises(DataError, match=r"data\.exclude: 'BB' matches no chosen symbol, of 4"):
        plan({}, symbols="*", exclude=["BB"])
    with pytest.raises(DataError, match=r"data\.exclude leaves no symbol"):
        plan({}, exclude=["A"])


def test_doubts_and_the_rule_of_adjustment_are_noted(plan: Planner, folder: Path) -> None:
    closes = [(20.0 + 0.01 * day * day) * (1 if day < 20 else 0.25) for day in range(28)]
    rows = [f"2020-01-{day:02},{c},{c * 1.05},{c * 0.95},{c}\n" for day, c in enumerate(closes, 1)]
    (folder / "S.csv").write_text(HEADER + "".join(rows))
    notes = plan({}, symbols=["A", "S"]).manifest.notes
    assert set(notes.doubts) == {"A", "S"}
    assert "like a split of 4 for 1" in notes.doubts["S"]
    assert notes.adjustments == {"as in the file": 2}
    lines = dict(notes.lines(2))
    assert lines["doubts"].startswith("2 of 2 symbols: A: stale prices")
    assert lines["prices"] == "as in the file"
    words = "adjusted by the factor 'factor'"
    for last, expected in (
        ("2", f"as in the file: {words}, which is the same for all bars"),
        ("3", words),
    ):
        adjusted = (
            "".join(f"{row.strip()},2\n" for row in rows[:-1]) + f"{rows[-1].strip()},{last}\n"
        )
        (folder / "S.csv").write_text(f"{HEADER.strip()},factor\n{adjusted}")
        notes = plan({}, symbols=["S"], options={"factor": "factor"}).manifest.notes
        assert dict(notes.lines(1))["prices"] == expected


def test_symbols_of_a_portfolio_need_bars_of_one_length(plan: Planner) -> None:
    with pytest.raises(
        DataError, match=r"A has bars of 1 day, I of 1 minute\. The symbols of a po"
    ):
        plan({}, symbols=["A", "I"], universe="portfolio")


def test_a_benchmark_that_the_source_does_not_have_is_refused_with_the_nearest_name(
    folder: Path,
) -> None:
    (folder / "INDEX.csv").write_text(DAYS)

    def planned(benchmark: str) -> Plan:
        values: dict[str, Any] = {
            "data": {"source": "csv", "path": str(folder), "symbols": "A"},
            "results": {"benchmark": benchmark},
        }
        return plan_job(Job(strategy="buy-and-hold", **values))

    assert planned("INDEX").manifest.benchmark == "INDEX"
    words = r"results\.benchmark: symbol 'INDX': there is no .*; did you mean 'INDEX'\?"
    with pytest.raises(DataError, match=words) as caught:
        planned("INDX")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("warmup", "start", "words"),
    [
        (2, "2020-01-03", None),
        (
            9,
            "2020-01-02",
            "1 of 2 symbols with less than data.warmup = 9, such as A with 1 bar before",
        ),
        (40, "2020-01-03", "2 of 2 symbols with less than data.warmup = 40, such as A with 2 bars"),
    ],
)
def test_symbols_with_a_shorter_warmup_are_noted(
    plan: Planner, folder: Path, warmup: int, start: str, words: str | None
) -> None:
    december = "".join(f"2019-12-{day},2,3,1,2\n" for day in range(10, 31))
    (folder / "L.csv").write_text(DAYS.replace(HEADER, HEADER + december))
    notes = plan({}, symbols=["A", "L"], start=start, warmup=warmup).manifest.notes
    assert dict(notes.lines(2)).get("warm-up", "none").startswith(words or "none")


def test_workers_load_the_feed_with_its_window_and_warmup(plan: Planner, folder: Path) -> None:
    planned = plan({"market": {"symbols": "M"}}, start="2020-01-03", end="2020-01-05", warmup=1)
    bars = runner(planned).simulate(0).bars.bars[0]
    market = bars.auxiliary["market"]
    assert (market.symbol, len(market), market.warmup) == ("M", 4, 1)
    assert market.time.tolist() == bars.time.tolist()


def test_workers_refuse_a_further_feed_that_has_changed(plan: Planner, folder: Path) -> None:
    planned = plan({"market": {"symbols": "M"}})
    (folder / "M.csv").write_text(DAYS.replace("2020-01-03,2", "2020-01-03,1"))
    with pytest.raises(DataChanged, match=r"data\.auxiliary\.market: .*M\.csv has changed since"):
        runner(planned).result(0)


def runner(plan: Plan) -> TaskRunner:
    data = plan.job.data
    return TaskRunner(TaskContext(plan.manifest, plan.strategy, data.path, data.auxiliary_paths))
