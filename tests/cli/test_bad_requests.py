"""Requests that cannot be carried out: one message that says what, where and what to do."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from workshop import Ask, Workshop

# Arguments, exit code, words that the message must have. {run} is the id of a finished run.
BAD: list[tuple[str, int, tuple[str, ...]]] = [
    # the command itself
    ("runn sma.toml", 2, ("No such command 'runn'", "Did you mean 'run'")),
    ("run", 2, ("Missing argument 'JOB'",)),
    ("run sma.toml more", 2, ("unexpected extra argument", "more")),
    ("run sma.toml --excutor local", 2, ("No such option", "--executor")),
    ("runs tga", 2, ("No such command 'tga'", "Did you mean 'tag'")),
    ("runs empty", 2, ("Did you mean 'backfleet runs --store empty'",)),
    ("trials empty", 2, ("Did you mean 'backfleet trials --store empty'",)),
    ("plugins local", 2, ("Did you mean 'backfleet plugins show local'",)),
    ("markets cn-a", 2, ("Did you mean 'backfleet markets show cn-a'",)),
    ("markets show cn-a --on 2020-13-01 --symbol 600519", 2, ("a date such as 2020-08-24",)),
    # the job file
    ("run nowhere.toml", 2, ("no job file nowhere.toml",)),
    ("run .", 2, ("job file .", "directory")),
    ("run broken.toml", 2, ("broken.toml is not TOML", "end of document")),
    ("run latin.toml", 2, ("latin.toml is not UTF-8",)),
    ("run sma.toml --set params.perod=5", 2, ("backfleet: params.perod: ", "'period'")),
    ("run sma.toml --set broker.csh=1", 2, ("broker.csh", "unknown key", "'cash'")),
    ("run sma.toml --set broker=1", 2, ("broker = 1", "table")),
    ("run sma.toml --set broker.cash=-5", 2, ("broker.cash = -5",)),
    ("run sma.toml --set cash", 2, ("--set cash", "broker.cash=50000")),
    ("run sma.toml -p perod=5", 2, ("params.perod", "did you mean 'period'")),
    ("run sma.toml -p period=", 2, ("-p period=", "no value")),
    ("run sma.toml -p period=5:60", 2, ("-p period=5:60", "start:stop:step")),
    ("run sma.toml -p period=abc", 2, ("params.period", "abc", "whole number")),
    ("run sma.toml -p period=60:5:5", 2, ("params.period.step = 5", "has the wrong sign")),
    ("run sma.toml --symbols 999999", 2, ("'999999'", "600519")),
    ("run sma.toml --symbols X*", 2, ("'X*' matches no symbol", "600519")),
    ("run sma.toml --symbols ../etc", 2, ("../etc", "path separator")),
    ("run sma.toml --set data.path=nowhere", 2, ("no directory", "/nowhere")),
    ("run sma.toml --set data.source=cvs", 2, ("no source is named 'cvs'", "'csv'")),
    ("run sma.toml --set data.start=2030-01-01", 2, ("600519", "no bars from 2030-01-01")),
    ("run sma.toml --set resources.task_timeout=0", 2, ("resources.task_timeout = 0",)),
    # the strategy and the engine
    ("run sma.toml --set strategy=sma-crosover", 2, ("did you mean 'sma-crossover'",)),
    ("run sma.toml --set engine=backtradr", 2, ("no engine", "'backtrader'")),
    ("run sma.toml --set strategy=absent.py:A", 2, ("no file", "absent.py")),
    ("run sma.toml --set strategy=empty.py:A", 2, ("empty.py has no class 'A'",)),
    ("run sma.toml --set strategy=empty.py", 2, ("name the class in the file",)),
    ("run sma.toml --set strategy=syntax.py:A", 2, ("cannot be imported", "SyntaxError")),
    ("run sma.toml --set strategy=no.module:A", 2, ("no.module:A", "module")),
    ("check empty.py", 2, ("name the class in the file", "empty.py:MyStrategy")),
    # the executor
    ("run sma.toml --executor locl", 2, ("no executor is named 'locl'", "'local'")),
    ("run sma.toml --executor locl --dry-run", 2, ("no executor is named 'locl'", "'local'")),
    ("run sma.toml -o workers", 2, ("-o workers", "key=value")),
    ("run sma.toml -o worker=1", 2, ("'local'", "worker", "did you mean 'workers'")),
    ("run sma.toml -o workers=0", 2, ("workers = '0'", "greater than or equal to 1")),
    ("run sma.toml -o workers=x --dry-run", 2, ("workers = 'x'", "must be a whole number")),
    (
        "run sma.toml -p period=16 --set resources.memory=900TB",
        2,
        ("resources.memory is", "this machine has"),
    ),
    # the store
    ("run sma.toml --set results.store=afile", 2, ("afile is a file", "a store is a directory")),
    ("run sma.toml --store gs://a/b", 2, ("'gs://a/b' is not a store", "s3://")),
    ("run sma.toml --set results.store=gs://a/b", 2, ("'gs://a/b' is not a store", "s3://")),
    ("run sma.toml --set results.store=s3://absent/r", 2, ("s3://absent/r", "no such bucket")),
    ("run sma.toml --set data.path=s3://absent/r", 2, ("s3://absent/r", "no such bucket")),
    ("runs --latest nope", 2, ("no run in runs has the job name 'nope': its runs have",)),
    ("runs --store afile", 2, ("afile is a file",)),
    ("runs --store s3://absent/r", 2, ("no such bucket",)),
    ("runs --store gs://a", 2, ("'gs://a' is not a store",)),
    # the run's name
    ("status", 2, ("Missing argument 'RUN'",)),
    ("status ffff", 2, ("'ffff'", "backfleet runs --store runs")),
    ("status ffff --store empty", 2, ("/empty", "backfleet runs --store empty")),
    ("wait xyz", 2, ("'xyz'", "--store")),
    ("resume runs/ffff", 2, ("no run at", "runs/ffff", "manifest.json")),
    ("cancel empty", 2, ("/empty", "holds no manifest.json")),
    ("logs afile", 2, ("afile is a file", "path or URL")),
    ("status sma.toml", 2, ("sma.toml is a file", "path or URL")),
    ("results runs/", 2, ("is a store", "append the id", "/{run}")),
    ("results twins/", 2, ("is a store", "append the id")),
    ("status aaaa --store twins", 2, ("'aaaa'", "2 runs", "aaaa0, aaaa1")),
    ("status s3://absent/r", 2, ("no such bucket",)),
    ("status damaged/run", 2, ("damaged/run/manifest.json", "the record cannot be read as JSON")),
    # results
    ("results {run} --sort shrp", 2, ("--sort", "'shrp'", "did you mean 'sharpe'")),
    ("results {run} --sort zzz", 2, ("--sort", "there are task, symbol, period")),
    ("results {run} --ascending", 2, ("--ascending requires --sort",)),
    ("results {run} --where 'perid > 3'", 2, ("--where", "'perid'", "did you mean 'period'")),
    ("results {run} --where 'period ='", 2, ("--where 'period ='", "SQL condition")),
    ("results {run} --where ''", 2, ("--where ''", "SQL condition")),
    ("results {run} --where symbol", 2, ("--where 'symbol'", "600519")),
    ("results {run} --where '1=1; drop table x'", 2, ("--where",)),
    ("results {run} --where 'sum(period) > 1'", 2, ("--where", "aggregates")),
    ("results {run} --columns nope", 2, ("--columns", "no column 'nope'")),
    ("results {run} --columns ,", 2, ("--columns", "the column '' is empty")),
    ("results {run} --columns ''", 2, ("--columns", "the column '' is empty")),
    ("results {run} --columns task,sharpe,task", 2, ("--columns", "'task' is named twice")),
    ("results {run} --json --format csv", 2, ("--json and --format exclude each other",)),
    ("results {run} -o rows.xlsx", 2, ("rows.xlsx", "no format has the ending .xlsx")),
    ("results {run} --limit -1", 2, ("--limit", "-1")),
    ("results {run} --limit 9223372036854775808", 2, ("--limit", "not in the range")),
    ("results {run} --format xml", 2, ("'xml'", "'csv', 'json', 'parquet'")),
    ("results {run} -o absent/rows.csv", 2, ("absent/rows.csv", "No such file")),
    ("results {run} -o empty", 2, ("--output empty", "Is a directory")),
    ("results {run} -o /dev/full --format csv", 2, ("/dev/full", "No space left")),
    # tasks and workers
    ("logs {run} 99", 2, ("tasks 0 to 2, no task 99",)),
    ("logs {run} first", 2, ("'first' is not a valid integer",)),
    ("logs {run} --worker 99", 2, ("worker 99 does not exist",)),
    ("logs {run} 99 --follow", 2, ("tasks 0 to 2, no task 99",)),
    ("logs {run} 0 --worker 0", 2, ("not both",)),
    ("debug sma.toml 99", 2, ("tasks 0 to 2, no task 99",)),
    ("debug {run} 99", 2, ("tasks 0 to 2, no task 99",)),
    ("debug {run} -p period=5", 2, ("change a JOB",)),
    ("debug nowhere.toml", 2, ("no job file nowhere.toml",)),
    ("resume {run} --executor locl", 2, ("no executor is named 'locl'",)),
    ("resume {run} -o x=1", 2, ("x: unknown setting", "workers")),
    ("plugins show nope", 2, ("no plugin is named 'nope'",)),
]

READS_FILES = [
    "period in (select * from read_csv('/etc/passwd'))",
    "exists(from read_text('/etc/passwd'))",
    "exists(from read_blob('/etc/passwd'))",
    "exists(from glob('/etc/*'))",
    "exists(from '/etc/passwd')",
    "exists(from read_parquet('results.parquet'))",
    "exists(from read_csv('http://127.0.0.1:1/x.csv'))",
    "exists(from rows)",
]
"""Expressions that want more than the rows: files, the network, Python's variables."""


@pytest.fixture(scope="module")
def shop(workshop: Workshop, finished: str, s3_endpoint: str) -> Workshop:
    """The workshop with what bad requests stumble over."""
    folder: Path = workshop.folder
    (folder / "broken.toml").write_text("strategy = [\n")
    (folder / "latin.toml").write_bytes(b'name = "\xe9"\n')
    (folder / "empty.py").touch()
    (folder / "syntax.py").write_text("class A(:\n")
    (folder / "afile").touch()
    (folder / "empty").mkdir()
    (folder / "damaged/run").mkdir(parents=True)
    (folder / "damaged/run/manifest.json").write_text("{")
    for twin in ("aaaa0", "aaaa1"):
        shutil.copytree(folder / "runs" / finished, folder / "twins" / twin)
    return workshop


@pytest.mark.parametrize(("line", "code", "words"), BAD, ids=[line for line, _, _ in BAD])
def test_a_bad_request_is_refused_in_plain_words(
    shop: Workshop, ask: Ask, finished: str, line: str, code: int, words: tuple[str, ...]
) -> None:
    done = ask(line.format(run=finished))
    assert done.code == code, done.err
    assert done.out == ""
    for word in words:
        assert word.format(run=finished) in done.err
    message = done.err.strip().splitlines()
    assert sum(part.startswith(("backfleet: ", "Error: ")) for part in message) == 1
    assert len(message) <= 4


def test_bad_requests_start_nothing(shop: Workshop, finished: str) -> None:
    """Of all the requests above, that is: this test comes after them."""
    assert [run["run_id"] for run in shop.json("runs", "--json")] == [finished]


@pytest.mark.parametrize(
    "line", ["run broken.toml", "results {run} --where ''", "results {run} -o absent/rows.csv"]
)
def test_a_bad_request_to_a_real_process_shows_no_traceback(
    shop: Workshop, finished: str, line: str
) -> None:
    done = shop(*shlex.split(line.format(run=finished)))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("expression", READS_FILES)
def test_where_reaches_nothing_but_the_rows(shop: Workshop, finished: str, expression: str) -> None:
    from backfleet import open_run
    from backfleet.errors import UserError
    from backfleet.results.query import query_rows
    from backfleet.results.read import read_results

    run = open_run(shop.folder / "runs" / finished)
    rows = read_results(run.store, run.chunk_index)
    with pytest.raises(UserError, match="--where"):
        query_rows(rows, where=expression)
