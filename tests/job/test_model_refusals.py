"""What a job refuses, and in which words."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import JobError
from backfleet.job import Broker, Job, Overrides
from backfleet.job.job_errors import suggestion
from job.job_files import DATA, in_data, load, refused


@pytest.mark.parametrize(
    ("names", "hint"), [(["sizing"], "; there is sizing"), (["b", "a"], "; there are a, b")]
)
def test_a_suggestion_lists_few_names(names: list[str], hint: str) -> None:
    assert suggestion("period", names) == hint


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"strategi": "x"}, "strategi: unknown key; did you mean 'strategy'?"),
        (
            {"resources": {"cpus": 64}},
            "resources: memory is shared by cpus = 64 child processes, and each needs 128 MiB; "
            'use at least memory = "8192 MiB", or fewer cpus',
        ),
        ({"broker": {"csh": 5}}, "broker.csh: unknown key; did you mean 'cash'?"),
        (in_data(sorce="x"), "data.sorce: unknown key; did you mean 'source'?"),
        ({"executor": "local"}, "executor: unknown key"),
        ({"universe": "portfolio"}, "universe: unknown key; it belongs in [data]"),
        (
            {"broker": {"start": "2020-01-01"}},
            "broker.start: unknown key; it belongs in [data] or [validation]",
        ),
        ({"validation": {"familly": "x"}}, "validation.familly: unknown key"),
        ({"validation": {"family": " "}}, 'validation.family = " ": a family\'s name must be one'),
        ({"validation": {"prior_trials": 0}}, "validation.prior_trials = 0: must be greater"),
        ({"validation": {"prior_trials": 1.5}}, "validation.prior_trials = 1.5: must be a whole"),
        (
            {"validation": {"prior_note": "x"}},
            'validation.prior_note = "x": describes prior_trials',
        ),
        ({"validation": {"purge": 1}}, "validation: purge has no effect without windows"),
        (
            {"validation": {"windows": "rolling", "train": "3 years"}},
            'validation: windows = "rolling" needs test, such as test = "1 year"',
        ),
        (
            {"validation": {"windows": "rolling", "train": "3 weeks", "test": 5}},
            'validation.train = "3 weeks": must be a number of sessions, or a length such as',
        ),
        (
            {"validation": {"windows": "rolling", "train": "3 years", "test": 5}},
            "validation: train is 3 years, test is 5 sessions: give all lengths in sessions, or",
        ),
        (
            {"validation": {"windows": "anchored", "train": 9, "test": 4, "step": 3}},
            "validation: test windows overlap: step is 3 sessions, test is 4 sessions; use step",
        ),
        (
            {"validation": {"windows": "groups", "start": "flat"}},
            'validation: start = "flat" cannot be combined with windows = "groups", whose train',
        ),
        (
            {"validation": {"windows": "split"}},
            'validation: windows = "split" needs train or test, such as test = "2 years"',
        ),
        (
            {"validation": {"windows": "split", "test": 9, "embargo": 1}},
            'validation: embargo cannot be combined with windows = "split", only with "groups"',
        ),
        (
            {"validation": {"windows": "groups", "groups": 4, "test_groups": 4}},
            "validation: 4 of 4 groups cannot be tested; test fewer",
        ),
        (
            {"validation": {"windows": "groups", "groups": 20, "test_groups": 10}},
            "validation: testing 10 of 20 groups gives 184,756 folds, and at most 1,000 are",
        ),
        (
            {"validation": {"windows": "groups", "select": "win_rate"}},
            'validation.select = "win_rate": does not follow from the returns of a window. Use '
            "sharpe, sortino, total_return, cagr, calmar, max_drawdown or volatility",
        ),
        (
            {"validation": {"windows": "groups", "where": "sharp > 0"}},
            "validation.where = \"sharp > 0\": no metric of a window is called 'sharp'; did you",
        ),
        (
            {"validation": {"prior_trials": 5, "prior_note": "two\nlines"}},
            'validation.prior_note = "two\\nlines": a note must be one line',
        ),
        ({"data": {"source": "csv"}}, "data.path: is required"),
        ({"broker": {"cash": 0}}, "broker.cash = 0: must be greater than 0"),
        ({"broker": {"cash": -5.5}}, "broker.cash = -5.5: must be greater than 0"),
        ({"broker": {"cash": "5"}}, 'broker.cash = "5": must be a number'),
        ({"broker": {"cash": True}}, "broker.cash = true: must be a number"),
        ({"broker": {"cash": float("nan")}}, "broker.cash = NaN: must be a finite number"),
        ({"broker": {"cash": float("inf")}}, "broker.cash = Infinity: must be a finite number"),
        ({"broker": {"commission": -0.1}}, "broker.commission = -0.1: must be greater than or eq"),
        ({"broker": {"commission": 1}}, "broker.commission = 1: must be less than 1"),
        ({"broker": 5}, "broker = 5: must be a table"),
        ({"params": [5]}, "params = [5]: must be a table"),
        ({"seed": -1}, "seed = -1: must be greater than or equal to 0"),
        ({"seed": 1.0}, "seed = 1.0: must be a whole number"),
        ({"seed": True}, "seed = true: must be a whole number"),
        ({"name": "a/b"}, 'name = "a/b": must have 1 to 64 letters'),
        ({"name": "-a"}, 'name = "-a": must have 1 to 64 letters'),
        ({"name": "a\n"}, 'name = "a\\n": must have 1 to 64 letters'),
        ({"name": "a" * 65}, 'name = "aaa'),
        ({"strategy": 5}, "strategy = 5: must be text in quotes"),
        ({"strategy": ""}, 'strategy = "": must not be empty'),
        ({"strategy": "my.py"}, 'strategy = "my.py": name the class in the file: my.py:'),
        ({"strategy": "a b:C"}, "strategy = \"a b:C\": 'a b' is neither a module nor a .py file"),
        ({"strategy": "a:"}, 'strategy = "a:": must name a class after the colon'),
        ({"strategy": "a b"}, 'strategy = "a b": must be a strategy\'s name'),
        ({"plugins": ["a", "a"]}, 'plugins = ["a", "a"]: names \'a\' twice'),
        ({"plugins": "a"}, 'plugins = "a": must be a list'),
        (in_data(symbols=["A", "x/../y"]), 'data.symbols[1] = "x/../y": must not contain a path'),
        (in_data(symbols="a\\b"), 'data.symbols[0] = "a\\\\b": must not contain a path separator'),
        (in_data(symbols="a..b"), "data.symbols[0] = \"a..b\": must not contain '..'"),
        (in_data(symbols=[".x"]), "data.symbols[0] = \".x\": must not contain '..' or begin"),
        (in_data(symbols=600519), "data.symbols = 600519: must be text in quotes, or a list"),
        (in_data(symbols=["A", 5]), "data.symbols[1] = 5: must be text in quotes"),
        (in_data(symbols=[]), 'data.symbols = []: is empty; write "*"'),
        (in_data(symbols=["A", "A"]), 'data.symbols = ["A", "A"]: names \'A\' twice'),
        (
            in_data(start="2020-01-02", end="2020-01-01"),
            'data.end = "2020-01-01": is before data',
        ),
        (in_data(start="2020-02-30"), 'data.start = "2020-02-30": is no day that exists'),
        (in_data(start="01.02.2020"), 'data.start = "01.02.2020": must be a date'),
        (in_data(start=5), "data.start = 5: must be a date"),
        (in_data(start=datetime(2020, 1, 1)), 'data.start = "2020-01-01 00:00:00": must be a date'),
        (in_data(warmup=-1), "data.warmup = -1: must be greater than or equal to 0"),
        (in_data(warmup=5), "data.warmup = 5: has no effect without data.start, since no bars"),
        (in_data(columns=["pe", "close"]), 'data.columns = ["pe", "close"]: \'close\' is a line'),
        (
            in_data(auxiliary={"i": {"symbols": "A", "columns": ["datetime"]}}),
            "data.auxiliary.i.columns = [\"datetime\"]: 'datetime' is a line of every feed",
        ),
        (
            in_data(timezone="Asia/Shangai"),
            'data.timezone = "Asia/Shangai": is not an IANA time zone; ',
        ),
        (in_data(timezone="Factory"), 'data.timezone = "Factory": is not an IANA time zone'),
        (in_data(universe="all"), "data.universe = \"all\": must be 'each' or 'portfolio'"),
        (
            {"results": {"detail": "ful"}},
            "results.detail = \"ful\": must be 'summary' or 'full'; did",
        ),
        ({"results": {"periods_per_year": 0}}, "results.periods_per_year = 0: must be positive"),
        ({"results": {"periods_per_year": "x"}}, 'results.periods_per_year = "x": must be "auto"'),
        ({"results": {"periods_per_year": True}}, "results.periods_per_year = true: must be"),
        ({"resources": {"cpus": 0}}, "resources.cpus = 0: must be greater than or equal to 1"),
        ({"resources": {"memory": "255 MiB"}}, 'resources.memory = "255 MiB": is too little'),
        ({"resources": {"memory": "2 gig"}}, 'resources.memory = "2 gig": has the unknown unit'),
        ({"resources": {"task_timeout": 0}}, "resources.task_timeout = 0: must be positive"),
        ({"sweep": {"sample": 0}}, "sweep.sample = 0: must be greater than or equal to 1"),
        ({"sweep": {"sample": 10**9}}, "sweep.sample = 1000000000: must be less than or equal to"),
        ({"sweep": {"where": True}}, "sweep.where = true: must be text in quotes"),
        ({"broker": {"commission": "a"}}, 'broker.commission = "a": must be a number'),
        (
            {"broker": {"commission": {"per_shares": 1}}},
            "broker.commission.per_shares: unknown key; did",
        ),
        ({"broker": {"commission": {"rate": 2}}}, "broker.commission.rate = 2: must be less than"),
        ({"broker": {"commission": {"margin": 0}}}, "broker.commission.margin = 0: must be great"),
        (
            {"broker": {"slippage": {"rate": 0.1, "per_share": 1}}},
            "broker.slippage: has both per_share",
        ),
        ({"broker": {"slippage": {"percent": 1}}}, "broker.slippage.percent: unknown key; there"),
        ({"broker": {"symbols": {"A*": {}}}}, "broker.symbols.A*"),
        (
            {"broker": {"symbols": {"A": {"commission": {"x": 1}}}}},
            "broker.symbols.A.commission.x: unknown key; there are interest",
        ),
        ({"broker": {"fill_at_close": 1}}, "broker.fill_at_close = 1: must be true or false"),
        ({"broker": {"minimum_commission": -5}}, "broker.minimum_commission = -5: "),
        ({"broker": {"slippage": float("nan")}}, "broker.slippage = NaN: must be a finite number"),
        (
            in_data(auxiliary={"i": {}}),
            'data.auxiliary.i = {}: must have symbols = ["NAME"], or resample = "1w"',
        ),
        (in_data(auxiliary={"i": 3}), "data.auxiliary.i = 3: must be a table"),
        (
            in_data(auxiliary={"i": {"symbols": ["A", "B"]}}),
            'data.auxiliary.i.symbols = ["A", "B"]: must be one symbol; each auxiliary feed has a',
        ),
        (
            in_data(auxiliary={"i": {"symbols": "6*"}}),
            'data.auxiliary.i.symbols = "6*": must be one symbol\'s name',
        ),
        (
            in_data(auxiliary={"i": {"symbols": "A", "tmezone": "UTC"}}),
            "data.auxiliary.i.tmezone: unknown key; did you mean 'timezone'?",
        ),
        (
            in_data(auxiliary={"i": {"symbols": "A", "timezone": "UCT+1"}}),
            'data.auxiliary.i.timezone = "UCT+1": is not an IANA time zone',
        ),
        (
            in_data(auxiliary={"a b": {"symbols": "A"}}),
            'data.auxiliary.a b = "a b": the feed\'s name must have 1 to 64 letters',
        ),
        (
            {"results": {"benchmark": "SP*"}},
            "results.benchmark = \"SP*\": must be one symbol's name, without '*', '?' and '['",
        ),
        (
            {"results": {"benchmark": "../SPY"}},
            'results.benchmark = "../SPY": must not contain a path separator',
        ),
    ],
)
def test_a_wrong_value_is_one_line_with_path_value_and_reason(
    values: dict[str, Any], line: str
) -> None:
    lines = refused(**values)
    assert len(lines) == 1
    assert lines[0].startswith(line)


def test_a_benchmark_is_a_symbol_or_the_tasks_own() -> None:
    assert Job(strategy="s", data=DATA).results.benchmark == "buy-and-hold"
    assert Job(strategy="s", data=DATA, results={"benchmark": "SPY"}).results.benchmark == "SPY"


def test_every_problem_has_a_line_of_its_own() -> None:
    lines = refused(seed=-1, broker={"cash": 0, "csh": 1}, data={"source": "csv"})
    assert sorted(re.split(r"[: ]", line)[0] for line in lines) == [
        "broker.cash",
        "broker.csh",
        "data.path",
        "seed",
    ]


def test_of_very_many_problems_the_first_are_listed() -> None:
    with pytest.raises(JobError) as error:
        Job(**{f"key{number}": 1 for number in range(1_000)} | {"x" * 10_000: 1})
    lines = str(error.value).splitlines()
    assert len(lines) == 16
    assert lines[-1] == "... and 988 more problems"
    with pytest.raises(JobError) as error:
        Job(**{"x" * 10_000: 1})
    assert max(map(len, str(error.value).splitlines())) == 1_000


def test_a_job_without_a_strategy_is_told_only_that() -> None:
    values: dict[str, Any] = {"data": DATA}
    with pytest.raises(JobError, match=r"\Astrategy: is required\Z"):
        Job(**values)


def test_a_section_made_alone_raises_a_job_error_too() -> None:
    with pytest.raises(JobError, match=r"\Acash = -1: must be greater than 0\Z"):
        Broker(cash=-1)


# Files


def test_a_file_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"job\.toml is not TOML: .*line 2"):
        load(tmp_path, 'strategy = "x"\nseed = = 5\n')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast = 5\nfast = 6\n", r"Cannot overwrite a value \(at line 2, column 9\): fast = 6$"),
        ("fast = \u201c5\u201d\n", "'\u201c' is the character LEFT DOUBLE QUOTATION MARK"),
        ('fast = "5\u201d\n', "'\u201d' is the character RIGHT DOUBLE QUOTATION MARK"),
        ("fast\u00a0= 5\n", "is the character NO-BREAK SPACE"),
        ("fast = 1\uff15\n", "is the character FULLWIDTH DIGIT FIVE"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_its_faulty_text(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(JobError, match=words):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('stratgy = "x"\n', r"job\.toml, line 1: stratgy: unknown key"),
        ('[data]\n# path\nsymbols = ["A", 5]\n', r"job\.toml, line 3: data\.symbols"),
        ('[data]\nsource = "csv"\n\n[broker.commission]\nx = 1\n', r"line 5: broker\.comm.*\.x:"),
        ('data = { "s\u043erce" = 1 }\n', "line 1: .*'\u043e', the character CYRILLIC SMALL"),
    ],
)
def test_an_error_about_a_key_names_the_file_and_the_line(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(JobError, match=words):
        load(tmp_path, text)


def test_an_error_about_a_key_of_the_command_line_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(
        'strategy = "x"\n[data]\nsource = "csv"\npath = "d"\nsymbols = ["A"]\n[broker]\n'
    )
    with pytest.raises(JobError, match=r"\Abroker\.cash = -1: must"):
        Job.load(tmp_path / "job.toml", Overrides(sets=["broker.cash=-1"]))
    with pytest.raises(JobError, match=r"\Adata\.symbols\[1\] = "):
        Job.load(tmp_path / "job.toml", Overrides(symbols="A,b/c"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is no job file"):
        Job.load(tmp_path / "missing.toml")
    with pytest.raises(JobError, match="cannot be read: Is a directory"):
        Job.load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe4"')
    with pytest.raises(JobError, match="not UTF-8: byte 8"):
        Job.load(tmp_path / "latin.toml")


def test_a_job_may_come_through_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"strategy = 'demo'\ndata = { source = 'csv', path = 'd' }\n")
    os.close(writing)
    try:
        assert Job.load(f"/dev/fd/{reading}").strategy == "demo"
    finally:
        os.close(reading)


def test_a_pipe_without_a_writer_is_an_empty_job(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(JobError, match="strategy: is required"):
        Job.load(tmp_path / "fifo")


@pytest.mark.parametrize("file", ["/dev/zero", "large.toml"])
def test_a_file_without_end_or_of_great_size_is_not_read(file: str, tmp_path: Path) -> None:
    (tmp_path / "large.toml").write_text("#" * 2**21)
    with pytest.raises(JobError, match=r"cannot be read: it has more than 1,048,576 bytes"):
        Job.load(tmp_path / file)


@pytest.mark.parametrize("part", ["a", '"a b"', "'.'", r'"\".\""', "a "])
def test_a_key_of_very_many_parts_is_reported_at_once(part: str, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(".".join([part] * 80_000) + " = 1\n")
    with pytest.raises(JobError, match="is not TOML: it has a key of more than 50 parts"):
        Job.load(tmp_path / "job.toml")


def test_a_file_with_wrong_values_is_refused_by_path(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"data\.path = 5: must be text"):
        load(tmp_path, 'strategy = "x"\ndata = { source = "csv", path = 5 }\nsweep = {}')
    with pytest.raises(JobError, match=r"data\.facts = \"\": must not be empty\Z"):
        load(tmp_path, 'strategy = "x"\ndata = { source = "csv", path = "p", facts = "" }')
    with pytest.raises(JobError, match=r"data\.path = \"\": must not be empty\Z"):
        load(tmp_path, 'strategy = "x"\ndata = { source = "csv", path = "" }')
    with pytest.raises(JobError, match=r"data = 5: must be a table"):
        load(tmp_path, 'strategy = "x"\ndata = 5')
