"""Odd surroundings: a command works in them, or it ends with one message and exit code 2."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backfleet.cli import cli, main
from exhaustive_cases import cases
from sample_job import SAMPLE_DATA, job_text
from workshop import Ask, Workshop

SECONDS = 240


LONG = "x" * 300
LATIN_1 = "caf\udce9"
"""A name of bytes that are not UTF-8, as Python represents it."""

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@dataclass(frozen=True)
class Place:
    """A folder with a job, and the command line called in it."""

    folder: Path
    run: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "backfleet", *map(str, arguments)]
        return self._call(command, env or {}, cwd)

    def shell(
        self, line: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a line of a shell in which BF stands for the command."""
        command = f"{shlex.quote(sys.executable)} -P -m backfleet"
        text = line.replace("BF", command).replace("RUN", shlex.quote(str(self.run)))
        return self._call(["bash", "-c", text], env or {}, None)

    def _call(
        self, command: list[str], env: Mapping[str, str], cwd: Path | None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env={**os.environ, **self.variables, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        assert "Traceback" not in out + err
        assert "Exception ignored" not in err
        return subprocess.CompletedProcess(command, done.returncode, out, err)

    def without_home(self, home: object) -> Place:
        """The same place for a user with another home, whose folders are not set otherwise."""
        empty = dict.fromkeys(("XDG_STATE_HOME", "XDG_CACHE_HOME", "BACKFLEET_CACHE"), "")
        return Place(self.folder, self.run, {**empty, "HOME": str(home)})


@pytest.fixture
def place(tmp_path: Path, finished_runs: dict[str, Path]) -> Place:
    (tmp_path / "job.toml").write_text(job_text(symbols=("600519",)))
    (tmp_path / "file").touch()
    return Place(tmp_path, finished_runs["sma"])


def is_refused(done: Any, *words: str) -> bool:
    """Whether a command, in a process of its own or in this one, ended with one message that has
    these words."""
    is_process = isinstance(done, subprocess.CompletedProcess)
    code, error = (done.returncode, done.stderr) if is_process else (done.code, done.err)
    assert code == 2, error
    lines = [line for line in error.splitlines() if line.startswith(("backfleet: ", "Error: "))]
    assert len(lines) == 1, error
    assert all(word in lines[0] for word in words), lines[0]
    return True


# -- folders of the user ------------------------------------------------------------------------


@pytest.mark.parametrize("home", cases("file", exhaustive=["/proc/nobody", "relative"]))
def test_a_home_that_cannot_be_written_to_costs_caches_only(place: Place, home: str) -> None:
    poor = place.without_home(place.folder / home if home == "file" else home)
    done = poor("run", "job.toml")
    assert done.returncode == 0, done.stderr
    if home != "relative":
        assert done.stderr.count("so commands are slower") == 1
        assert done.stderr.count("so the logs of workers are in") == 1
    assert poor("status", place.run).returncode == 0
    assert poor("doctor").returncode in (0, 1)


def test_a_state_folder_that_is_a_file_moves_the_logs_of_workers(place: Place) -> None:
    done = place("run", "job.toml", "--json", env={"XDG_STATE_HOME": str(place.folder / "file")})
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["store"]
    assert place("logs", run, "--worker", "0").returncode == 0


def test_folders_for_temporary_files_that_are_missing_are_passed_over(place: Place) -> None:
    for folder in ("/nowhere", str(place.folder / "file")):
        assert place("run", "job.toml", env={"TMPDIR": folder}).returncode == 0


@pytest.mark.parametrize(
    "line",
    ["status RUN", "run job.toml", "runs"],
)
def test_a_current_directory_that_was_deleted_is_named(place: Place, line: str) -> None:
    gone = place.folder / "gone"
    gone.mkdir()
    done = place.shell(f"cd {gone} && rmdir {gone} && BF {line}")
    assert is_refused(done, "the current directory", "No such file or directory")


# -- warnings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    cases(
        "run job.toml",
        "verify RUN --sample 1",
        "report RUN",
        "results RUN --sql 'SELECT * FROM results'",
        exhaustive=[
            "check sma-crossover",
            "debug job.toml",
            "compare RUN RUN",
            "plugins",
            "doctor",
        ],
    ),
)
def test_warnings_that_are_errors_elsewhere_are_none_here(place: Place, line: str) -> None:
    done = place.shell(f"BF {line}", {"PYTHONWARNINGS": "error"})
    assert done.returncode == 0 or (line == "doctor" and done.returncode == 1), done.stderr


# -- texts that are too large ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5_000 + "]" * 5_000, "more than 50"),
        ("a = " + "{a=" * 3_000 + "1" + "}" * 3_000, "more than 50"),
        ("[" + ".".join("a" * 5_000) + "]", "more than 50"),
        ("a = " + "9" * 5_000, "digits"),
        ("a = 0x" + "f" * 5_000, "digits"),
        ("a = 0000-01-01", "line 1"),
        ("a = 10000-01-01", "line 1"),
    ],
    ids=["arrays", "tables", "keys", "digits", "hexadecimal", "year 0", "year 10000"],
)
def test_a_file_that_python_cannot_read_is_named(
    ask: Ask, workshop: Workshop, text: str, message: str
) -> None:
    odd, settings = workshop.folder / "odd.toml", workshop.folder / "backfleet.toml"
    odd.write_text(text)
    assert is_refused(ask("run odd.toml --dry-run"), "odd.toml", message)
    odd.rename(settings)
    try:
        assert is_refused(ask("run sma.toml --dry-run"), "backfleet.toml", message)
    finally:
        settings.unlink()


def test_settings_larger_than_any_are_refused_unread(ask: Ask, workshop: Workshop) -> None:
    settings = workshop.folder / "backfleet.toml"
    settings.touch()
    os.truncate(settings, 10**12)
    try:
        assert is_refused(ask("run sma.toml --dry-run"), "backfleet.toml", "1,048,576 bytes")
    finally:
        settings.unlink()


def test_bars_larger_than_any_are_refused_unread(ask: Ask, workshop: Workshop) -> None:
    folder = workshop.folder / "sparse"
    folder.mkdir()
    (folder / "A.csv").touch()
    os.truncate(folder / "A.csv", 10**12)
    text = job_text(data=folder, symbols=("A",)).replace("cn-daily", "csv")
    (workshop.folder / "sparse.toml").write_text(text)
    assert is_refused(ask("run sparse.toml --dry-run"), "A.csv", "536,870,912")


def test_too_little_memory_is_one_message(ask: Ask, workshop: Workshop) -> None:
    (workshop.folder / "vast.py").touch()
    # No machine has as much memory.
    os.truncate(workshop.folder / "vast.py", 10**12)
    assert is_refused(ask("run sma.toml --set strategy=vast.py:Mine"), "more memory")


def test_the_mark_before_utf_8_is_no_part_of_a_job(ask: Ask, workshop: Workshop) -> None:
    content = (workshop.folder / "sma.toml").read_bytes()
    (workshop.folder / "marked.toml").write_bytes(b"\xef\xbb\xbf" + content)
    done = ask("run marked.toml --dry-run")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    "change",
    [
        "broker.cash=" + "9" * 5_000,
        "params.period=0x" + "f" * 5_000,
        "name=" + "[" * 5_000 + "]" * 5_000,
        ".".join("a" * 3_000) + "=1",
        "data.start=1e30",
        "data.start=0000-01-01",
        "data.end=10000-01-01",
        "data.start=" + "9" * 4_000,
        "data.timezone=" + LONG,
        f"data.path={LONG}",
        f"results.store={LONG}",
        f"strategy={LONG}.py:Mine",
        f"strategy={LONG}:Mine",
        f"sweep.points={LONG}",
        f'files=["{LONG}"]',
        f'modules=["{LONG}"]',
        f'data.symbols=["{LONG}"]',
        r'data.path="\u0000"',
        r'results.store="a\u0000b"',
        r'strategy="\u0000.py:Mine"',
        *(f"sweep.where='{'-' * count}period > 1'" for count in (500, 100_000)),
        *(f"sweep.where='{'(' * n}period{')' * n} > 1'" for n in (400, 50_000)),
        *(f"sweep.where='{'not ' * n}period > 1'" for n in (240, 20_000)),
    ],
    ids=lambda change: change[:24],
)
def test_a_value_that_is_too_large_is_refused(ask: Ask, change: str) -> None:
    assert is_refused(ask(f"run sma.toml --set {shlex.quote(change)}"))


def test_conditions_of_sql_that_are_nested_deeply_are_refused(ask: Ask, finished: str) -> None:
    deep = "(" * 50_000 + "1" + ")" * 50_000
    assert is_refused(ask(f"results {finished} --where '{deep} > 0'"), "depth")
    assert is_refused(ask(f"results {finished} --sql 'SELECT {deep}'"), "depth")
    assert is_refused(ask(f"runs --where '{deep} > 0'"), "depth")


# -- names ----------------------------------------------------------------------------------------


NAMES = (
    "status {}",
    "runs --store {}",
    "results {}",
    "run {}.toml",
    "run sma.toml --set data.path={}",
    "run sma.toml --set results.store={}",
    "run sma.toml --set strategy={}.py:Mine",
    "run sma.toml --set sweep.points={}",
    "debug {}",
    "check {}.py:Mine",
    "data check {}",
    "report RUN -o {}/page.html",
    "results RUN -o {}/rows.csv",
    "export RUN {}/run.zip",
    "import {}.zip",
    "verify RUN --data {}",
    "serve {} --port 0",
)


@pytest.mark.parametrize("line", NAMES)
def test_a_name_that_no_file_can_have_is_refused(ask: Ask, finished: str, line: str) -> None:
    done = ask(line.replace("RUN", finished).format(LONG))
    assert done.code == 2, done.out + done.err
    assert LONG in done.err


@pytest.mark.parametrize("line", NAMES)
def test_the_home_of_a_user_who_does_not_exist_is_no_folder(
    ask: Ask, workshop: Workshop, finished: str, line: str
) -> None:
    done = ask(line.replace("RUN", finished).format("~nosuch/x"))
    assert done.code == 2, done.out + done.err
    assert "~nosuch" in done.err
    assert not (workshop.folder / "~nosuch").exists()


@pytest.mark.parametrize("line", NAMES)
def test_an_argument_that_is_not_utf_8_is_refused(ask: Ask, finished: str, line: str) -> None:
    done = ask(line.replace("RUN", finished).format(LATIN_1))
    assert is_refused(done, ascii(LATIN_1)[1:-1])


def test_a_file_of_data_whose_name_is_not_utf_8_is_named(place: Place) -> None:
    data = place.folder / "data"
    shutil.copytree(SAMPLE_DATA, data)
    shutil.copy(next(SAMPLE_DATA.glob("*.csv")), data / f"{LATIN_1}.csv")
    (place.folder / "all.toml").write_text(job_text(data=data, symbols=("*",)))
    assert is_refused(place("run", "all.toml"), "caf\\udce9")
    assert is_refused(place("data", "check", data, "--source", "cn-daily"), "caf\\udce9")


def test_a_folder_whose_name_is_not_utf_8_can_be_read_from_but_keeps_no_runs(place: Place) -> None:
    folder = place.folder / LATIN_1
    folder.mkdir()
    assert place("status", place.run, cwd=folder).returncode == 0
    assert place("report", place.run, cwd=folder).returncode == 0
    assert is_refused(place("demo", cwd=folder), "not UTF-8")
    (folder / "mine.py").write_text(
        "import backtrader as bt\n\nclass Mine(bt.Strategy):\n    pass\n"
    )
    assert is_refused(place("check", "mine.py:Mine", cwd=folder), "not UTF-8")
    (folder / "job.toml").write_text(job_text("mine.py:Mine", params=""))
    assert is_refused(place("run", "job.toml", cwd=folder), "not UTF-8")


# -- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "date",
    ["0000-01-01", "0001-01-01", "1677-09-20", "2262-04-12", "9999-12-31", "10000-01-01", "1e30"],
)
def test_a_date_that_does_not_fit_is_named_with_its_row(
    ask: Ask, workshop: Workshop, date: str
) -> None:
    folder = workshop.folder / "bars"
    folder.mkdir(exist_ok=True)
    days = [f"2020-01-{day:02}" for day in range(1, 20)]
    rows = [f"{day},1,2,0.5,1,100" for day in sorted([*days, date])]
    (folder / "A.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]))
    text = job_text(data=folder, symbols=("A",)).replace("cn-daily", "csv")
    (workshop.folder / "bars.toml").write_text(text)
    assert is_refused(ask("run bars.toml --dry-run"), "A.csv", "row", date)


# -- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "status RUN",
        "results RUN",
        "results RUN --format csv",
        "results RUN --format parquet",
        "runs --json",
        "run job.toml",
        "doctor",
    ],
)
def test_output_that_cannot_be_written_is_an_error(place: Place, line: str) -> None:
    assert is_refused(place.shell(f"BF {line} > /dev/full"), "No space left on device")


def test_messages_that_cannot_be_written_leave_the_exit_code(place: Place) -> None:
    assert place.shell("BF status nowhere 2> /dev/full").returncode == 2
    assert place.shell("BF status RUN > /dev/full 2>&1").returncode == 2


def test_a_report_does_not_replace_a_device(place: Place) -> None:
    pipe = place.folder / "pipe"
    os.mkfifo(pipe)
    done = place.shell("cat pipe > page.html & BF report RUN -o pipe && wait")
    assert done.returncode == 0, done.stderr
    assert pipe.is_fifo()
    assert (place.folder / "page.html").read_text().endswith("</html>")


@pytest.mark.parametrize(
    ("line", "closed"),
    cases(
        ("run job.toml", "<&- >&- 2>&-"),
        ("results RUN --format csv", ">&-"),
        exhaustive=[
            ("run job.toml", ">&-"),
            ("results RUN --format csv", "<&- >&- 2>&-"),
            ("debug job.toml", ">&-"),
            ("debug job.toml", "<&- >&- 2>&-"),
        ],
    ),
)
def test_closed_streams_do_no_harm(place: Place, line: str, closed: str) -> None:
    done = place.shell(f"BF {line} {closed}")
    assert done.returncode == 0, done.stderr
    if line.startswith("run"):
        runs = json.loads(place("runs", "--json").stdout)
        assert [run["state"] for run in runs] == ["complete"]


def test_a_reader_who_leaves_ends_the_command_quietly(place: Place) -> None:
    for form in ("csv", "json", "table"):
        done = place.shell(f"BF results RUN --format {form} | head -c 1 > /dev/null")
        assert not done.stderr or (form == "table" and done.stderr.startswith("\nverdict: "))


# -- locale and time ------------------------------------------------------------------------------


def test_a_note_is_shown_on_a_terminal_of_ascii(place: Place) -> None:
    shutil.copytree(place.run, place.folder / "copy")
    assert place("runs", "tag", place.folder / "copy", "--note", "Grüße").returncode == 0
    for variables in (ASCII, {"PYTHONIOENCODING": "ascii"}):
        done = place("status", place.folder / "copy", env=variables)
        assert done.returncode == 0
        assert "Grüße" in done.stdout


@pytest.mark.parametrize(
    "line", cases("run job.toml", "report RUN", exhaustive=["compare RUN RUN", "plugins"])
)
def test_a_locale_of_ascii_changes_nothing(place: Place, line: str) -> None:
    done = place.shell(f"BF {line}", ASCII)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("zone", cases("XXX-999999999", exhaustive=[":/etc/passwd"]))
def test_a_time_zone_of_nonsense_changes_nothing(place: Place, zone: str) -> None:
    done = place("run", "job.toml", "--json", env={"TZ": zone})
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["store"]
    values = [
        json.loads(place("results", which, "--columns", "symbol,final_value", "--json").stdout)
        for which in (run, place.run)
    ]
    assert values[0] == values[1][:1]


def test_a_terminal_of_nonsense_changes_nothing(place: Place) -> None:
    for variables in ({"COLUMNS": "-5"}, {"COLUMNS": "wide", "TERM": "nonsense"}):
        assert place("results", place.run, env=variables).returncode == 0
        assert place("--help", env=variables).returncode == 0


def test_a_thread_that_cannot_start_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_thread(**_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(cli, "main", no_thread)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "ulimit -u" in capsys.readouterr().err
