"""SQL over tables: one SELECT, which reaches nothing but them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from backfleet.errors import UserError
from backfleet.results.query import query_rows, query_tables
from backfleet.results.sql_limits import SqlLimits

TABLE = pa.table({"task": pa.array([0, 1], pa.int64()), "sharpe": [0.5, None]})
secret = pa.table({"password": ["x"]})


def ask(sql: str) -> pa.Table:
    return query_tables(sql, {"results": lambda: TABLE})


def test_a_query_gives_a_table() -> None:
    assert ask("SELECT max(sharpe) AS best FROM Results").to_pylist() == [{"best": 0.5}]
    with_names = "WITH t AS (FROM results) SELECT count(*) AS n FROM t JOIN t AS u USING (task)"
    assert ask(with_names).to_pylist() == [{"n": 2}]


def test_only_the_tables_that_are_named_are_made() -> None:
    def never() -> pa.Table:
        raise AssertionError("it was not asked for")

    table = query_tables("SELECT 1 AS one FROM results", {"results": lambda: TABLE, "x": never})
    assert table.num_rows == 2


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("COPY results TO '{file}'", "a statement of COPY"),
        ("ATTACH '{file}' AS x", "a statement of ATTACH"),
        ("SET enable_external_access = true", "a statement of SET"),
        ("INSTALL httpfs", "must be one SELECT"),
        ("DROP TABLE results", "a statement of DROP"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("", "0 statements"),
        ("SELECT * FROM read_text('{here}')", "disabled"),
        ("SELECT * FROM '{here}'", "no table"),
        ("SELECT * FROM glob('/*')", "disabled"),
        ("SELECT * FROM read_csv('https://example.com/x.csv')", "disabled|extension"),
        ("SELECT * FROM secret", "there is no table 'secret'; there are results"),
        ("SELECT sharp FROM results", 'did you mean sharpe|Referenced column "sharp"'),
        ("SELECT FROM", "syntax error"),
        ("SELECT task::DATE FROM results", "--sql: "),
    ],
)
def test_what_is_not_a_select_over_the_tables_is_refused(
    sql: str, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "made"
    with pytest.raises(UserError, match=reason):
        ask(sql.format(file=file, here=__file__))
    assert not file.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 2000000000)",
        "SELECT list_sort(range(300000000))",
        "SELECT a.range FROM range(100000) a, range(100000) b ORDER BY random()",
    ],
)
def test_a_query_that_needs_too_much_memory_is_refused(sql: str) -> None:
    with pytest.raises(UserError, match=r"--sql: .* needs more than 128 MiB of memory.*raise"):
        query_tables(sql, {}, SqlLimits(memory=128 * 2**20))


def test_a_result_that_is_too_large_is_refused() -> None:
    with pytest.raises(UserError, match=r"--sql: the result has more than 128 MiB; .*raise"):
        query_tables("SELECT * FROM range(100000000)", {}, SqlLimits(memory=128 * 2**20))


def test_an_endless_query_is_stopped() -> None:
    sql = "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i FROM t) SELECT max(i) FROM t"
    with pytest.raises(UserError, match=r"--sql: the query was stopped after 0\.5 s"):
        query_tables(sql, {}, SqlLimits(timeout=0.5))
    with pytest.raises(UserError, match=r"--where .*: the query was stopped after 0\.5 s"):
        query_rows(TABLE, where=f"task IN ({sql})", limits=SqlLimits(timeout=0.5))


@pytest.mark.parametrize(
    ("memory", "timeout", "words"),
    [
        ("lots", None, "the memory limit 'lots' must be"),
        ("1 MiB", None, "'1 MiB' is too small for a query; give 64 MiB or more"),
        (None, 0.0, "the timeout 0.0 is not a number of seconds above 0"),
        (None, float("nan"), "the timeout nan is not a number of seconds"),
        (None, 1e300, "the timeout 1e[+]300 is not a number of seconds"),
    ],
)
def test_odd_limits_are_refused(memory: str | None, timeout: float | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        SqlLimits.of(memory, timeout)


def test_ctrl_c_ends_an_endless_query_and_its_process() -> None:
    """The interrupt comes when the query has asked for its table."""
    code = (
        "import os, signal, sys, threading\n"
        "import pyarrow as pa\n"
        "from backfleet.results.query import query_tables\n"
        # Made before the interrupt: `pa.table` imports pandas, and compiled modules swallow a
        # KeyboardInterrupt that comes while they are imported.
        "rows = pa.table({'task': [1]})\n"
        "def table():\n"
        "    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    return rows\n"
        "query_tables('SELECT count(*) FROM results, range(1000000000000)', {'results': table})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == -signal.SIGINT, done.stderr
    assert "KeyboardInterrupt" in done.stderr
