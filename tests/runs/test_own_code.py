"""A stored run is run again with its own code, whatever has become of it here since."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import backfleet as bf
from backfleet.chunks.chunk import Chunk, read_chunk
from backfleet.chunks.rows import RowTable, read_rows
from backfleet.code import kept_code
from backfleet.code.kept_code import KEPT_CODE, read_kept_code
from backfleet.errors import PluginError, UntrustedCode
from backfleet.runs.control import RunControl
from backfleet.runs.run import Run
from backfleet.runs.run_task import CodeWarning
from backfleet.runs.task_code import CodeChoice
from backfleet.store.records import encode_record
from backfleet.submissions.submission_log import SUBMISSION
from exhaustive_cases import cases
from sample_job import job_of, job_text
from stored_records import sealed

Cli = Callable[..., subprocess.CompletedProcess[str]]

MINE = """
import backtrader as bt
from acme_sizes import SIZE

class Mine(bt.Strategy):
    params = (("period", 5),)

    def next(self):
        if len(self) == self.p.period:
            self.buy(size=SIZE)
"""
TUNED = """
import json
import backtrader as bt

class Mine(bt.Strategy):
    def next(self):
        if len(self) == 5:
            with open("tuned.json") as file:
                self.buy(size=json.load(file))
"""
PLUGINS = (
    MINE
    + """
from backfleet import hookimpl
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.sources.cn_daily import CnDailySource

class Engine(BacktraderEngine):
    name = "acme"

class Source(CnDailySource):
    name = "acme"

@hookimpl
def backfleet_metrics(params, outcome):
    return {"added": 7}
"""
)
DETAILS = ("full", "summary")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a strategy, and finished runs of it in the stores `full` and `summary`."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "mine.py").write_text(MINE)
    (folder / "acme_sizes.py").write_text("SIZE = 100\n")
    for detail in DETAILS:
        job = job_of(
            folder / detail,
            strategy=f"{folder}/mine.py:Mine",
            params={"period": [5, 10]},
            results={"store": str(folder / detail), "detail": detail},
        )
        assert RunControl(bf.run(job, progress=None)).summary().succeeded
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of the runs, and the strategy's folder after an edit of what it imports."""
    for detail in DETAILS:
        shutil.copytree(finished / detail, tmp_path / detail)
    (finished / "acme_sizes.py").write_text("SIZE = 300\n")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    (path,) = (folder / "full").glob("[0-9a-f]*")
    return bf.open_run(path)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user, who has submitted nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "stranger"))


def final_values(run: Run) -> list[float]:
    values: list[float] = run.results()["final_value"].tolist()
    return values


def lose_chunks(run: Run) -> None:
    for name in ("chunks", "results.parquet"):
        path = Path(run.url, name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def sha_of(run: Run) -> str:
    kept = run.kept_code
    assert kept is not None
    (package,) = kept.packages
    return package.sha256


def alter_row(run: Run, column: str, value: float) -> None:
    """Give the first task another value, in a chunk that is sound."""
    header = run.chunk_index[0]
    assert header is not None
    table = read_rows(read_chunk(run.store, 0, header.generation).body, header.count)
    values = [value, *table.column(column).to_pylist()[1:]]
    at = table.column_names.index(column)
    rows = RowTable(table.set_column(at, column, pa.array(values)))
    header = replace(header, generation=header.generation + 1, logical=rows.logical_hash())
    run.store.put_if_absent(header.key, Chunk(header, rows.to_bytes()).to_bytes())


def test_a_task_runs_with_the_code_of_its_run(run: Run) -> None:
    """It once ran whatever the file held by then, without a word."""
    assert [bf.run_task(run, task).row["final_value"] for task in range(4)] == final_values(run)


def test_modules_that_were_imported_from_the_edited_files_do_not_mix_in(
    run: Run, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(finished))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "acme_sizes", raising=False)
    import acme_sizes

    assert bf.run_task(run, 0).row["final_value"] == final_values(run)[0]
    assert sys.modules["acme_sizes"] is acme_sizes
    assert acme_sizes.SIZE == 300


def test_the_code_found_here_is_used_on_request_and_the_difference_is_named(run: Run) -> None:
    with pytest.warns(CodeWarning, match=r"the code of strategy mine\.py:Mine is .* in the plan"):
        row = bf.run_task(run, 0, code="here").row
    assert row["final_value"] != final_values(run)[0]


def test_debug_shows_the_numbers_of_the_run_and_of_the_edit(run: Run, backfleet: Cli) -> None:
    value = str(final_values(run)[0])
    assert value in backfleet("debug", run.url, 0).stdout
    edited = backfleet("debug", run.url, 0, "--code", "here")
    assert value not in edited.stdout
    assert "using the code found here instead of the run's own" in edited.stderr
    assert edited.stderr.endswith("-SIZE = 100\n+SIZE = 300\n")


@pytest.mark.parametrize("detail", cases("full", exhaustive=["summary"]))
def test_verify_compares_what_is_stored_with_the_code_of_the_run(
    folder: Path, detail: str, backfleet: Cli
) -> None:
    """It once compared two fresh simulations of the edited code, and called the run verified."""
    (path,) = (folder / detail).glob("[0-9a-f]*")
    same = backfleet("verify", path)
    assert (same.returncode, same.stderr) == (0, "")
    assert "4 of 4 tasks are equal to backtrader-stock to the last bit" in same.stdout
    other = backfleet("verify", path, "--code", "here")
    assert other.returncode == 1
    assert "0 of 4 tasks are equal to backtrader-stock to the last bit; 4 differ" in other.stdout


@pytest.mark.parametrize("options", cases("", exhaustive=["--executor local"]))
def test_verify_finds_a_stored_value_that_its_code_does_not_give(
    run: Run, backfleet: Cli, options: str
) -> None:
    """With an executor, it once compared with the rows of an earlier verification."""
    before = sorted(entry.name for entry in Path(run.url).iterdir())
    assert backfleet("verify", run.url, *options.split()).returncode == 0
    assert sorted(entry.name for entry in Path(run.url).iterdir()) == before
    alter_row(run, "final_value", 1.0)
    done = backfleet("verify", run.url, *options.split())
    assert done.returncode == 1, done.stderr
    assert "3 of 4 tasks" in done.stdout
    assert "final_value" in done.stdout


def test_verify_needs_no_submission_where_the_data_is_named(
    run: Run, backfleet: Cli, sample_data: Path, tmp_path: Path
) -> None:
    """As in a bundle from a colleague."""
    shutil.rmtree(Path(run.url, "submissions"))
    unknown = backfleet("verify", run.url)
    assert unknown.returncode == 2
    assert "Pass --data DIR" in unknown.stderr
    here = backfleet("verify", run.url, "--data", sample_data)
    assert here.returncode == 0, here.stderr
    data = shutil.copytree(sample_data, tmp_path / "data")
    file = data / "600519.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    changed = backfleet("verify", run.url, "--data", data)
    assert changed.returncode == 2
    assert "has changed since the run was planned" in changed.stderr


def test_verify_names_another_backfleet_and_other_libraries_first(run: Run, backfleet: Cli) -> None:
    _plan_with(run, backfleet="0" * 64, versions={"numpy": "1.0"})
    done = backfleet("verify", run.url, "--json")
    assert "note: the code of backfleet is " in done.stderr
    assert "here, 1.0 in the plan" in done.stderr
    resumed = backfleet("resume", run.url)
    assert resumed.returncode == 0, "nothing is missing, so nothing is computed"
    lose_chunks(run)
    refused = backfleet("resume", run.url)
    assert refused.returncode == 2
    assert "cannot be resumed here: the code of backfleet is" in refused.stderr
    assert not Path(run.url, "chunks").exists()


def _plan_with(run: Run, **changes: Any) -> None:
    """Write the plan of another backfleet, and the run's submission and chunks under its id."""
    submission = run.latest_submission().submission
    identity = replace(run.manifest.identity, **changes)
    manifest = replace(run.manifest, identity=identity)
    run.store.replace("manifest.json", manifest.to_bytes())
    renamed_submission = replace(submission, run_id=manifest.run_id)
    run.store.replace("submissions/1.json", encode_record(SUBMISSION, renamed_submission))
    for header in run.chunk_index.headers():
        chunk = read_chunk(run.store, header.chunk, header.generation)
        renamed = Chunk(replace(chunk.header, run_id=manifest.run_id), chunk.body)
        run.store.replace(header.key, renamed.to_bytes())


def test_missing_tasks_are_computed_with_the_code_of_the_run(run: Run, backfleet: Cli) -> None:
    """It once refused and asked to run the job again."""
    before = final_values(run)
    lose_chunks(run)
    done = backfleet("resume", run.url)
    assert done.returncode == 0, done.stderr
    assert final_values(bf.open_run(run.url)) == before


@pytest.mark.usefixtures("stranger")
def test_code_of_a_stranger_runs_only_after_consent(run: Run, backfleet: Cli) -> None:
    refused = [backfleet("verify", run.url), backfleet("debug", run.url)]
    lose_chunks(run)
    files = sorted(Path(run.url).rglob("*"))
    for done in [*refused, backfleet("resume", run.url)]:
        assert (done.returncode, done.stdout) == (2, "")
        assert f"sha256 {sha_of(run)}" in done.stderr
    with pytest.raises(UntrustedCode, match=f"--trust-code {sha_of(run)}"):
        bf.run_task(run, 0)
    with pytest.raises(UntrustedCode):
        RunControl(run).resume()
    assert sorted(Path(run.url).rglob("*")) == files
    accepted = backfleet("resume", run.url, "--trust-code", sha_of(run)[:16])
    assert accepted.returncode == 0, accepted.stderr
    assert backfleet("verify", run.url).returncode == 0


@pytest.mark.usefixtures("stranger")
def test_reading_a_run_of_a_stranger_asks_nothing(run: Run, backfleet: Cli) -> None:
    for command in ("status", "results", "runs --store"):
        target = str(Path(run.url).parent) if "store" in command else run.url
        assert backfleet(*command.split(), target).returncode == 0


@pytest.mark.usefixtures("stranger")
def test_code_of_a_file_that_this_user_has_submitted_needs_no_consent(
    run: Run, finished: Path
) -> None:
    """A store that names a file with the same code beside it once needed none either."""
    (finished / "acme_sizes.py").write_text("SIZE = 100\n")
    with pytest.raises(UntrustedCode, match="keeps code that you have neither submitted"):
        bf.run_task(run, 0)
    (finished / "acme_sizes.py").write_text("SIZE = 99\n")
    job = job_of(finished / "mine", strategy=f"{finished}/mine.py:Mine", params={"period": [7]})
    bf.run(job, progress=None)
    (finished / "acme_sizes.py").write_text("SIZE = 100\n")
    assert bf.run_task(run, 0).row["final_value"] == final_values(run)[0]


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("code", ["kept", "here"])
def test_a_file_that_a_store_names_runs_only_after_consent(
    run: Run, finished: Path, code: CodeChoice
) -> None:
    """A store without code once ran the file of its newest submission without a question."""
    (finished / "acme_sizes.py").write_text("SIZE = 100\n")
    if code == "kept":
        Path(run.url, KEPT_CODE).unlink()
    with pytest.raises(UntrustedCode, match=f"{finished}/mine.py:Mine, 2 files") as refusal:
        bf.run_task(run, 0, code=code)
    accepted = refusal.value.sha256s
    assert bf.run_task(run, 0, code=code, trust_code=accepted).row["final_value"] > 0
    assert bf.run_task(run, 0, code=code).row["final_value"] > 0
    (finished / "acme_sizes.py").write_text("SIZE = 101\n")
    with pytest.raises(UntrustedCode, match="names code on this machine"):
        bf.run_task(run, 0, code=code, trust_code=accepted)


@pytest.mark.usefixtures("stranger")
def test_a_pipe_that_a_store_names_is_not_opened(run: Run, tmp_path: Path) -> None:
    """Opening it once waited for ever."""
    os.mkfifo(tmp_path / "mine.py")
    file = Path(run.url, "submissions", "1.json")
    record = json.loads(file.read_bytes())
    record["strategy"]["folder"] = str(tmp_path)
    file.write_bytes(sealed(record))
    with pytest.raises(PluginError, match=r"mine\.py is not a regular file"):
        bf.run_task(run, 0, code="here")


def test_an_edited_file_of_this_user_runs_on_request_without_consent(
    run: Run, finished: Path
) -> None:
    (finished / "acme_sizes.py").write_text("SIZE = 102\n")
    with pytest.warns(CodeWarning):
        assert bf.run_task(run, 0, code="here").row["final_value"] != final_values(run)[0]


@pytest.mark.usefixtures("stranger")
def test_missing_tasks_are_not_computed_with_a_file_that_a_store_names(
    run: Run, finished: Path
) -> None:
    """Its hash is that of the run, but who has written the store has written the hash, too."""
    (finished / "acme_sizes.py").write_text("SIZE = 100\n")
    Path(run.url, KEPT_CODE).unlink()
    before = final_values(run)
    lose_chunks(run)
    control = RunControl(run)
    with pytest.raises(UntrustedCode, match="names code on this machine") as refusal:
        control.resume()
    assert run.submission_log.numbers() == [1]
    control.resume(trust_code=refusal.value.sha256s)
    assert control.wait().succeeded
    assert final_values(run) == before


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_a_terminal_is_asked(run: Run, answer: str, code: int) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "backfleet", "debug", run.url, "0"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == code
    assert sha_of(run) in shown
    assert "Run it? [y/N]" in shown
    assert bool(done.stdout) == (answer == "y")


def test_declared_files_are_those_of_the_run(tmp_path: Path, backfleet: Cli) -> None:
    folder = tmp_path / "tuned"
    folder.mkdir()
    (folder / "mine.py").write_text(TUNED)
    (folder / "tuned.json").write_text("100")
    job = job_of(
        tmp_path / "runs", strategy=f"{folder}/mine.py:Mine", params={}, files=["tuned.json"]
    )
    run = bf.run(job, progress=None)
    before = final_values(run)
    (folder / "tuned.json").write_text("300")
    assert bf.run_task(run, 0).row["final_value"] == before[0]
    with pytest.warns(CodeWarning, match=r"the file tuned\.json is .* here, .* in the plan"):
        assert bf.run_task(run, 0, code="here").row["final_value"] != before[0]
    same = backfleet("verify", run.url, "--executor", "local")
    assert same.returncode == 0, same.stderr
    other = backfleet("verify", run.url, "--executor", "local", "--code", "here")
    assert other.returncode == 1, other.stderr
    lose_chunks(run)
    resumed = backfleet("resume", run.url)
    assert resumed.returncode == 0, resumed.stderr
    assert final_values(bf.open_run(run.url)) == before


def test_plugins_of_every_kind_come_from_the_store(
    tmp_path: Path, sample_data: Path, backfleet: Cli, installed: Callable[..., dict[str, str]]
) -> None:
    """Also where they are not installed at all."""
    groups = {"engines": "Engine", "sources": "Source", "strategies": "Mine"}
    points = {f"backfleet.{group}": {"acme": f"acme:{name}"} for group, name in groups.items()}
    files = {"acme.py": PLUGINS, "acme_sizes.py": "SIZE = 100\n"}
    env = installed("acme", files, points | {"backfleet": {"acme": "acme"}})
    job = tmp_path / "job.toml"
    text = job_text("acme", "", symbols=["600519"]).replace('cn-daily"', 'acme"', 1)
    job.write_text('engine = "acme"\nplugins = ["acme"]\n' + text)
    done = backfleet("run", job, "--json", env=env)
    assert done.returncode == 0, done.stderr
    run = bf.open_run(json.loads(done.stdout)["store"])
    shutil.rmtree(tmp_path / "site")
    assert backfleet("run", job).returncode == 2, "they are no longer installed"
    for options in ((), ("--executor", "local"), ("--engine", "acme")):
        verified = backfleet("verify", run.url, *options)
        assert verified.returncode == 0, verified.stderr
        assert "1 of 1 tasks are equal" in verified.stdout
    assert bf.run_task(run, 0).row["added"] == run.results()["added"].tolist()[0] == 7.0
    lose_chunks(run)
    resumed = backfleet("resume", run.url)
    assert resumed.returncode == 0, resumed.stderr


def test_code_that_is_not_the_planned_one_is_never_used(run: Run, finished: Path) -> None:
    """A store could name other code than the one that the run's numbers come from."""
    job = job_of(finished / "other", strategy=f"{finished}/mine.py:Mine", params={})
    other = bf.run(job, progress=None)
    kept = read_kept_code(other.store)
    assert kept is not None
    for package in kept.packages:
        run.store.put_if_absent(package.key, other.store.read(package.key))
    run.store.replace(KEPT_CODE, other.store.read(KEPT_CODE))
    with pytest.raises(PluginError, match="is not the code that the run was planned with"):
        bf.run_task(run, 0)


def test_damaged_code_is_never_used(run: Run) -> None:
    kept = run.kept_code
    assert kept is not None
    run.store.replace(kept.packages[0].key, b"damaged")
    with pytest.raises(PluginError, match="is damaged"):
        bf.run_task(run, 0)


def test_a_package_that_is_too_large_is_named_and_must_be_here(
    finished: Path, backfleet: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_code, "MAX_CODE_BYTES", 10)
    (finished / "acme_sizes.py").write_text("SIZE = 200\n")
    job = job_of(finished / "large", strategy=f"{finished}/mine.py:Mine", params={})
    run = bf.run(job, progress=None)
    assert run.summary().code_not_kept == ("folder-of-mine",)
    closing = backfleet("wait", run.url).stdout
    assert "code:    folder-of-mine: not kept, only the hash" in closing
    assert bf.run_task(run, 0).row["final_value"] == final_values(run)[0]
    (finished / "acme_sizes.py").write_text("SIZE = 300\n")
    with pytest.warns(CodeWarning, match="the code of strategy"):
        bf.run_task(run, 0)
    lose_chunks(run)
    refused = backfleet("resume", run.url)
    assert refused.returncode == 2
    assert "cannot be resumed here: the code of strategy mine.py:Mine is" in refused.stderr


def test_compare_shows_the_edit_and_the_setup(run: Run, finished: Path, backfleet: Cli) -> None:
    job = job_of(
        finished / "edited",
        strategy=f"{finished}/mine.py:Mine",
        params={"period": [5, 10]},
        broker={"cash": 50_000, "commission": 0.0002},
    )
    edited = bf.run(job, progress=None)
    shown = backfleet("compare", run.url, edited.url).stdout
    assert "-broker.cash = 100000.0\n+broker.cash = 50000.0\n" in shown
    assert f"--- {run.id}/acme_sizes.py\n+++ {edited.id}/acme_sizes.py\n" in shown
    assert "-SIZE = 100\n+SIZE = 300\n" in shown
    run.store.replace(KEPT_CODE, b"{}")
    assert (
        "code.json: the record has the format None"
        in backfleet("compare", run.url, edited.url).stdout
    )
    Path(run.url, KEPT_CODE).unlink()
    assert (
        f"the code of run {run.id} is not kept" in backfleet("compare", run.url, edited.url).stdout
    )
