"""`backfleet results`: sorting, filtering, columns and formats."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stored_rows import COLUMNS
from workshop import Ask, Workshop


def rows_of(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_every_format_has_the_same_columns_in_their_order(
    workshop: Workshop, ask: Ask, finished: str, form: str
) -> None:
    file = workshop.folder / f"rows.{form}"
    assert ask(f"results {finished} -o {file}").code == 0
    read: Any = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[form]
    assert list(read(file)) == COLUMNS


def test_the_format_follows_the_ending_unless_it_is_said(
    workshop: Workshop, ask: Ask, finished: str
) -> None:
    ask(f"results {finished} -o rows.csv --format json")
    assert len(rows_of((workshop.folder / "rows.csv").read_text())) == 3
    ask(f"results {finished} -o rows.txt")
    assert "final_value" in (workshop.folder / "rows.txt").read_text().splitlines()[0]
    assert ask(f"results {finished} --json").out == ask(f"results {finished} --format json").out


@pytest.mark.parametrize("options", ["--limit 1", "--by point", "--by task --limit 1"])
def test_a_table_always_shows_the_swept_parameters(ask: Ask, failed: str, options: str) -> None:
    assert " at " in ask(f"results {failed} {options}").out.splitlines()[0]


@pytest.mark.parametrize("options", ["--sort cagr", "--sort cagr --by task"])
def test_a_table_always_shows_the_column_that_it_is_sorted_by(
    ask: Ask, failed: str, options: str
) -> None:
    assert " cagr" in ask(f"results {failed} {options}").out.splitlines()[0]


@pytest.mark.parametrize(
    ("by", "total", "identical"),
    [("point", 3, [2, 1]), ("task", 6, [2, 2, 1, 1]), ("symbol", 2, [1, 1])],
)
def test_leaderboards_have_one_row_per_outcome(
    ask: Ask, failed: str, by: str, total: int, identical: list[int]
) -> None:
    """Of each symbol two points leave the cash idle, and one fails."""
    answer = ask(f"results {failed} --by {by} --json")
    assert [row["identical"] for row in rows_of(answer.out)] == identical
    assert f"All {total} {by}s by total_return" in answer.err


def test_a_leader_by_point_has_the_means_of_its_tasks(ask: Ask, failed: str) -> None:
    first = rows_of(ask(f"results {failed} --by point --json").out)[0]
    assert (first["point"], first["at"], first["symbols"], first["mine"]) == (0, 2, 2, 0.5)


def test_a_leaderboard_can_be_filtered_sorted_and_limited(ask: Ask, failed: str) -> None:
    rows = rows_of(
        ask(f"results {failed} --by task --sort mine --where 'task > 0' --limit 1 --json").out
    )
    assert [(row["task"], row["at"], row["mine"]) for row in rows] == [(2, 4, 0.5)]
    wrong = ask(f"results {failed} --by task --sort min")
    assert wrong.code == 2
    assert "did you mean 'mine'?" in wrong.err


def test_min_trades_goes_with_a_leaderboard(ask: Ask, finished: str) -> None:
    answer = ask(f"results {finished} --by task --min-trades 30")
    assert "1 of them has at least 30 trades; the others come last." in answer.err
    assert ask(f"results {finished} --min-trades 3").code == 2


def test_undefined_is_null_in_json_and_empty_in_csv(ask: Ask, finished: str) -> None:
    idle = rows_of(ask(f"results {finished} --format json").out)[2]
    assert (idle["sharpe"], idle["error"], idle["win_rate"]) == (None, None, None)
    cells = list(csv.DictReader(io.StringIO(ask(f"results {finished} --format csv").out)))[2]
    assert (cells["sharpe"], cells["error"], cells["win_rate"]) == ("", "", "")


def test_numbers_are_the_same_in_every_format(workshop: Workshop, ask: Ask, finished: str) -> None:
    for form in ("csv", "parquet"):
        ask(f"results {finished} -o same.{form}")
    from_csv = csv.DictReader((workshop.folder / "same.csv").read_text().splitlines())
    from_parquet = pd.read_parquet(workshop.folder / "same.parquet")
    from_json = rows_of(ask(f"results {finished} --json").out)
    values = from_parquet["final_value"].tolist()
    assert [float(row["final_value"]) for row in from_csv] == values
    assert [row["final_value"] for row in from_json] == values


@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        ("", [0, 1, 2]),
        ("--sort final_value", [0, 1, 2]),
        ("--sort final_value --ascending", [2, 1, 0]),
        ("--sort sharpe", [0, 1, 2]),
        ("--sort sharpe --ascending", [1, 0, 2]),
        ("--sort status", [1, 2, 0]),
        ("--where 'sharpe is null'", [2]),
        ("--where \"symbol = '600559'\"", [1]),
        ("--where \"status = 'suspicious' and orders_rejected > 300\"", [2]),
        ("--where 'period > 15'", []),
        ("--sort final_value --limit 1", [0]),
        ("--limit 0", []),
    ],
)
def test_rows_are_sorted_filtered_and_cut(
    ask: Ask, finished: str, options: str, tasks: list[int]
) -> None:
    """Rows without a value come last, whichever way they are sorted."""
    done = ask(f"results {finished} --json {options}")
    assert [row["task"] for row in rows_of(done.out)] == tasks


def test_columns_are_those_asked_for_in_that_order(ask: Ask, finished: str) -> None:
    """Sorting and filtering see the others too."""
    options = "--columns 'cagr, symbol' --sort final_value --where 'trades > 0' --format csv"
    head, *rows = ask(f"results {finished} {options}").out.splitlines()
    assert head == "cagr,symbol"
    assert [row.rpartition(",")[2] for row in rows] == ["600519", "600559"]


def test_a_limit_says_how_many_rows_there_are(ask: Ask, finished: str) -> None:
    done = ask(f"results {finished} --limit 2 --format csv")
    assert len(done.out.splitlines()) == 3
    assert "2 of 3 rows" in done.err


def test_the_table_is_aligned_and_rounded(ask: Ask, finished: str) -> None:
    head, rule, *rows = ask(f"results {finished}").out.splitlines()
    assert head.split()[:5] == ["task", "symbol", "period", "sizing", "status"]
    assert set(rule) == {"-", " "}
    assert rows[0].split()[:8] == [
        "0", "600519", "15", "all-in", "ok", "164109.44", "0.6411", "0.94",
    ]  # fmt: skip
    assert rows[2].split()[7] == "-"
    end = head.index("final_value") + len("final_value")
    assert all(row[end - 1].isdigit() and row[end] == " " for row in rows)


def test_no_rows_are_said_to_be_none(ask: Ask, finished: str) -> None:
    assert ask(f"results {finished} --where 'period > 99'").out == "no rows\n"
    assert rows_of(ask(f"results {finished} --where 'period > 99' --json").out) == []


def test_parameters_and_metrics_give_way_to_result_columns(ask: Ask, failed: str) -> None:
    row = rows_of(ask(f"results {failed} --json").out)[0]
    names = list(row)
    assert names[:6] == ["task", "symbol", "at", "param_seconds", "note", "status"]
    assert names[-7:-3] == ["metric_sharpe", "mine", "words", "seconds"]
    assert names[-3:] == ["engine", "fallback", "origin"]
    assert (row["param_seconds"], row["metric_sharpe"], row["mine"]) == (1, 7, 0.5)


def test_a_spreadsheet_computes_no_cell_of_a_csv(ask: Ask, failed: str) -> None:
    """Text gets an apostrophe; a negative number stays a number."""
    row = next(csv.DictReader(io.StringIO(ask(f"results {failed} --format csv").out)))
    assert (row["note"], row["words"]) == ("'=1+1", "'=1+1")
    assert float(row["max_drawdown"]) <= 0
    assert not row["max_drawdown"].startswith("'")


def test_an_error_takes_one_line_of_the_table(ask: Ask, failed: str) -> None:
    lines = ask(f"results {failed} --where \"status = 'error'\"").out.splitlines()
    assert len(lines) == 4
    assert lines[2].endswith("IndexError: no 3 for you")
    assert "sharpe" not in lines[0]


def test_symbols_stay_text(tmp_path: Path, workshop: Workshop) -> None:
    """Also those that look like numbers: 000001 is not 1."""
    data = tmp_path / "data"
    data.mkdir()
    content = (workshop.data / "600519.csv").read_text()
    (data / "000001.csv").write_text(content.replace("600519", "000001"))
    job = workshop.folder / "zeros.toml"
    text = (workshop.folder / "sma.toml").read_text()
    job.write_text(text.replace(str(workshop.data), str(data)))
    summary = workshop.json("run", job, "--symbols", "000001", "--json")
    run = summary["run_id"]
    assert rows_of(workshop("results", run, "--json").stdout)[0]["symbol"] == "000001"
    assert "\n0,000001,15," in workshop("results", run, "--format", "csv").stdout
    assert " 000001 " in workshop("results", run).stdout.splitlines()[2]
    stored = pd.read_parquet(Path(summary["store"], "results.parquet"))
    assert stored["symbol"].tolist() == ["000001"]


def test_sql_over_a_run_and_over_the_store(ask: Ask, finished: str) -> None:
    one = ask(f"results {finished} --sql 'SELECT max(final_value) AS best FROM results' --json")
    assert [round(row["best"], 2) for row in rows_of(one.out)] == [164109.44]
    every = ask("results --sql 'SELECT run_id, count(*) AS n FROM results GROUP BY run_id' --json")
    assert {"run_id": finished, "n": 3} in rows_of(every.out)
    counted = ask(
        f"results {finished} --sql 'SELECT sum(orders_rejected) AS n FROM results' --json"
    )
    assert isinstance(rows_of(counted.out)[0]["n"], int)


def test_the_times_of_a_query_can_be_printed_in_every_form(ask: Ask, finished: str) -> None:
    sql = "SELECT min(time) AS first FROM fills"
    for form in ("table", "csv", "json"):
        answer = ask(f"results {finished} --sql '{sql}' --format {form}")
        assert answer.code == 0
        assert "2019-" in answer.out


def test_sql_does_not_mix_with_what_it_says_better(ask: Ask, finished: str) -> None:
    assert ask(f"results {finished} --sql 'FROM results' --sort sharpe").code == 2
    assert ask("results").code == 2
    refused = ask(f"results {finished} --sql \"SELECT * FROM read_text('/etc/hostname')\"")
    assert refused.code == 2
    assert "disabled" in refused.err


def test_a_query_over_a_run_that_lacks_rows_says_so(
    ask: Ask, workshop: Workshop, finished: str
) -> None:
    folder = workshop.folder / "bare" / finished
    folder.mkdir(parents=True)
    shutil.copy(workshop.folder / "runs" / finished / "manifest.json", folder)
    answer = ask(f"results {folder} --sql 'SELECT count(*) AS n FROM results' --json")
    assert rows_of(answer.out) == [{"n": 0}]
    assert "3 of 3 tasks have no row yet" in answer.err
    beside = ask(f"compare {finished} {folder}")
    assert beside.code == 0
    assert "0 tasks matched by symbol; 3 only in the first" in beside.out
    assert beside.out.rstrip().endswith("no rows")


def test_an_existing_file_survives_a_full_disk_and_a_query_that_fails(
    ask: Ask, finished: str, small_disk: Path
) -> None:
    file = small_disk / "rows.csv"
    file.write_text("precious")
    (small_disk / "filler").write_bytes(b"x" * 252 * 1024)
    full = ask(f"results {finished} -o {file}")
    assert full.code == 2
    assert f"--output {file}: No space left on device; name another file" in full.err
    # DuckDB notices only while it computes the rows that the text is no number.
    assert ask(f"results {finished} -o {file} --where 'symbol::int > 1'").code == 2
    assert file.read_text() == "precious"
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "rows.csv"]


def test_a_dash_and_standard_output_by_name_are_standard_output(
    workshop: Workshop, ask: Ask, finished: str
) -> None:
    expected = ask(f"results {finished} --format csv").out
    assert ask(f"results {finished} --format csv -o -").out == expected
    assert ask(f"results {finished} --format csv -o /dev/stdout").out == expected
    assert not (workshop.folder / "-").exists()


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize(
    ("select", "shown"),
    [
        ("1 AS a, 2 AS a", "a_1"),
        ("DATE '290000-12-31' AS day", "out of range"),
        ("'text' AS sharpe, 1.5 AS trades", "text"),
        ("[DATE '290000-12-31'] AS days", "?"),
    ],
)
def test_odd_results_of_a_query_are_shown(
    ask: Ask, finished: str, form: str, select: str, shown: str
) -> None:
    answer = ask(f'results {finished} --format {form} --sql "SELECT {select}"')
    assert answer.code == 0, answer.err
    assert shown in answer.out


def test_values_that_parquet_cannot_hold_are_refused(
    workshop: Workshop, ask: Ask, finished: str
) -> None:
    answer = ask(f'results {finished} -o odd.parquet --sql "SELECT INTERVAL 1 YEAR"')
    assert answer.code == 2
    assert "cannot be written as Parquet" in answer.err
    assert not (workshop.folder / "odd.parquet").exists()
