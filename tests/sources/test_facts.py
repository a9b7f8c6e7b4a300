"""Facts about instruments are read as they stand, or refused with file, row and value."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfleet.errors import DataError
from backfleet.facts import Action
from backfleet.sources.facts import read_facts

INSTRUMENTS = "symbol,listed,delisted,issue_price,t0\nA,2001-08-27,,31.39,\nB,,2020-05-04,,true\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Facts about the two symbols A and B."""
    (tmp_path / "instruments.csv").write_text(INSTRUMENTS)
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_facts(str(folder))
    return str(caught.value)


def test_instruments_without_histories(folder: Path) -> None:
    facts = read_facts(str(folder))
    first, second = facts.of("A"), facts.of("B")
    assert (first.listed, first.delisted) == (date(2001, 8, 27), None)
    assert (first.issue_price, first.same_session) == (31.39, False)
    assert (second.listed, second.delisted) == (None, date(2020, 5, 4))
    assert second.same_session
    assert first.actions is None
    assert not first.spans


def test_a_span_holds_from_its_first_day_to_the_day_before_its_end(folder: Path) -> None:
    (folder / "spans.csv").write_text(
        "symbol,what,from,to\nA,st,2020-01-06,\nA,st,2019-01-02,2019-01-04\n"
    )
    facts = read_facts(str(folder))
    days = np.array(["2019-01-01", "2019-01-02", "2019-01-03", "2019-01-04", "2026-01-01"], "M8[D]")
    assert facts.of("A").during("st", days).tolist() == [False, True, True, False, True]


def test_never_in_a_state_differs_from_a_state_without_a_history(folder: Path) -> None:
    (folder / "spans.csv").write_text("symbol,what,from,to\nA,st,2020-01-06,\n")
    spans = read_facts(str(folder)).of("B").spans
    assert spans["st"] == ()
    assert "delisting" not in spans


def test_actions_are_sorted_by_their_ex_dates(folder: Path) -> None:
    (folder / "actions.csv").write_text(
        "symbol,ex,cash,capital,pay,source\nA,2020-06-24,17.025,,2020-06-24,report\n"
        "A,2019-06-28,14.539,0.4,,\n"
    )
    facts = read_facts(str(folder))
    assert facts.of("A").actions == (
        Action(date(2019, 6, 28), cash=14.539, capital=0.4),
        Action(date(2020, 6, 24), cash=17.025, pay=date(2020, 6, 24)),
    )
    assert facts.of("B").actions == ()


def test_parquet_holds_the_same_facts_as_csv(folder: Path) -> None:
    before = read_facts(str(folder))
    (folder / "instruments.csv").unlink()
    table = pa.table(
        {
            "symbol": ["A", "B"],
            "listed": pa.array([date(2001, 8, 27), None]),
            "delisted": pa.array([None, np.datetime64("2020-05-04", "us").item()]),
            "issue_price": [31.39, None],
            "t0": [None, True],
        }
    )
    pq.write_table(table, folder / "instruments.parquet")
    assert read_facts(str(folder)) == before


def test_a_symbol_without_facts_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="no row for the symbol 'C'"):
        read_facts(str(folder)).of("C")


SPANS = "symbol,what,from,to\n"
ACTIONS = "symbol,ex,cash\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "instruments",
            "symbol,lited\nA,\n",
            "row 1: unknown column 'lited'; rename or remove it",
        ),
        ("instruments", "symbol,symbol\nA,A\n", "row 1: two columns are called 'symbol'"),
        ("instruments", "listed\n2020-01-01\n", "row 1: there is no column 'symbol'"),
        ("instruments", "", "row 1: there is no column 'symbol'"),
        ("instruments", "symbol\nA\nA\n", "row 3: symbol = 'A' has a row above"),
        (
            "instruments",
            "symbol,listed\nA,2020-02-30\n",
            "row 2: listed = '2020-02-30' is not a date",
        ),
        ("instruments", "symbol,issue_price\nA,nan\n", "row 2: issue_price = 'nan' must be"),
        ("instruments", "symbol,t0\nA,maybe\n", "row 2: t0 = 'maybe' must be true or false"),
        ("instruments", "symbol,listed\nA\n", "row 2: it has 1 value and not 2"),
        (
            "instruments",
            "symbol,listed,delisted\nA,2020-01-02,2020-01-02\n",
            "row 2: delisted = '2020-01-02' is not after listed = '2020-01-02'",
        ),
        ("spans", SPANS + "C,st,2020-01-01,\n", "row 2: symbol = 'C' has no row in the table"),
        ("spans", SPANS + "A,,2020-01-01,\n", "row 2: there is no value in the column 'what'"),
        ("spans", SPANS + "A,st,,\n", "row 2: there is no value in the column 'from'"),
        ("spans", SPANS + "A,st,2020-01-02,2020-01-02\n", "row 2: to = '2020-01-02' is not after"),
        (
            "spans",
            SPANS + "A,st,2020-01-05,\nA,st,2020-01-01,2020-01-06\n",
            "row 2: from = '2020-01-05' lies in the span of row 3",
        ),
        ("actions", ACTIONS + "A,2001-08-24,1\n", "row 2: ex = '2001-08-24' is before the listing"),
        ("actions", ACTIONS + "A,2020-01-01,-1\n", "row 2: cash = '-1' must be a number"),
        ("actions", "symbol,ex,rights\nA,2020-01-01,0.3\n", "row 2: rights = 0.3 need a rights_"),
    ],
)
def test_bad_tables_are_refused(folder: Path, name: str, content: str, reason: str) -> None:
    (folder / f"{name}.csv").write_text(content)
    message = refused(folder)
    assert message.startswith(f"{folder}/{name}.csv: ")
    assert reason in message


def test_a_folder_without_instruments_is_refused(tmp_path: Path) -> None:
    assert "there is no instruments.csv or instruments.parquet" in refused(tmp_path)


def test_a_table_that_is_there_twice_is_refused(folder: Path) -> None:
    (folder / "instruments.parquet").write_bytes(b"")
    assert "there are instruments.csv and instruments.parquet" in refused(folder)


def test_a_parquet_file_that_stands_for_more_than_memory_holds_is_refused(folder: Path) -> None:
    (folder / "instruments.csv").unlink()
    count = 4 * 2**20
    board = pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), ["x" * 256])
    symbols = pa.array(np.zeros(count, np.int8)).cast(pa.string())
    pq.write_table(pa.table({"symbol": symbols, "board": board}), folder / "instruments.parquet")
    assert "instruments.parquet: this Parquet file is not read" in refused(folder)


def test_what_is_no_parquet_file_is_refused(folder: Path) -> None:
    (folder / "instruments.csv").rename(folder / "instruments.parquet")
    assert "instruments.parquet: this is another kind of file" in refused(folder)


def test_facts_about_some_symbols_ignore_bad_rows_of_others_and_keep_all_states(
    folder: Path,
) -> None:
    (folder / "spans.csv").write_text("symbol,what,from,to\nB,st,2020-01-06,\nC,st,none,\n")
    (folder / "actions.csv").write_text("symbol,ex,cash\nA,2020-01-06,1\nB,2020-01-06,none\n")
    facts = read_facts(str(folder), {"A"})
    assert list(facts.symbols) == ["A"]
    assert facts.of("A").spans == {"st": ()}
    assert facts.of("A").actions == (Action(date(2020, 1, 6), cash=1.0),)
