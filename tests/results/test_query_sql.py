"""SQL over tables: one SELECT, which reaches nothing but them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from backfleet.errors import UserError
from backfleet.results.query import query_tables

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

    found = query_tables("SELECT 1 AS one FROM results", {"results": lambda: TABLE, "x": never})
    assert found.num_rows == 2


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
