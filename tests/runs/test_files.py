"""Files that a strategy reads: declared ones are inputs of a run, and undeclared ones are known."""

from __future__ import annotations

import bz2
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import backfleet as bf
from backfleet.errors import JobError, UndeclaredFileChanged
from backfleet.plan.plan import plan_job
from backfleet.runs.run import Run
from sample_job import SAMPLE_DATA
from waiting import until

Cli = Callable[..., subprocess.CompletedProcess[str]]

READS_JSON = """
import json
import backtrader as bt

class Reader(bt.Strategy):
    params = (("point", 0),)

    def __init__(self):
        with open("tuned.json") as stream:
            self.metrics = {"tuned": json.load(stream)}
"""
READS_AT_IMPORT = """
import json
from pathlib import Path
import backtrader as bt

TUNED = json.loads(Path(__file__).with_name("tuned.json").read_text())

class Reader(bt.Strategy):
    params = (("period", TUNED),)

    def __init__(self):
        self.metrics = {"tuned": TUNED}
"""
READS_MANY = """
import glob, os, sys
import backtrader as bt
import numpy as np
import pandas as pd

class Reader(bt.Strategy):
    def __init__(self):
        np.load("array.npy")
        np.load("mapped.npy", mmap_mode="r")
        np.fromfile("raw.bin")
        np.loadtxt("table.txt")
        pd.read_csv("table.csv")
        pd.read_csv("table.csv.bz2")
        for path in glob.glob("{data}/*"):
            open(path, "rb").close()
        relative = [path for path in sys.path if not os.path.isabs(path)]
        self.metrics = {{"folder": os.getcwd(), "relative": repr(relative)}}
"""


@dataclass
class Folder:
    """A strategy in a folder with its files, and a store."""

    path: Path
    store: Path

    def write(self, **files: object) -> None:
        """Write files `<name>.json`."""
        for name, value in files.items():
            (self.path / f"{name}.json").write_text(json.dumps(value))

    def job(self, files: Sequence[str] = (), **more: Any) -> bf.Job:
        usual: dict[str, Any] = {
            "strategy": f"{self.path}/reader.py:Reader",
            "data": {
                "source": "cn-daily",
                "path": str(SAMPLE_DATA),
                "symbols": ("600519", "600559"),
                "timezone": "Asia/Shanghai",
                "start": "2021-01-04",
                "end": "2021-01-29",
            },
            "results": {"store": str(self.store), "detail": "summary"},
        }
        return bf.Job(**(usual | {"files": tuple(files)} | more))

    def run(self, files: Sequence[str] = (), **more: Any) -> Run:
        run = ended(bf.run(self.job(files, **more), progress=None))
        assert not run.counts().error, run.results().error.to_list()
        return run


def ended(run: Run) -> Run:
    """The run, when none of its workers is running: `resume` would adopt one that still is."""
    until(lambda: all(shard.state.ended for shard in run.workers.statuses()), "the workers end")
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Folder]:
    def make(strategy: str) -> Folder:
        path = tmp_path / "strategies"
        path.mkdir()
        (path / "reader.py").write_text(strategy)
        return Folder(path, tmp_path / "runs")

    return make


def resumed(run: Run, *, retry_failed: bool = False) -> Run:
    control = bf.RunControl(bf.open_run(run.url))
    control.resume(retry_failed=retry_failed)
    control.wait()
    return ended(control.run)


def recorded(run: Run) -> list[list[str]]:
    """Paths of the undeclared files of each chunk."""
    run.counts()
    return [[file.path for file in header.undeclared] for header in run.chunk_index.headers()]


def test_an_undeclared_file_that_changed_is_refused_by_every_command(
    folder: Callable[[str], Folder], backfleet: Cli, tmp_path: Path
) -> None:
    reader = folder(READS_JSON)
    reader.write(tuned=1)
    text = f"""
strategy = "strategies/reader.py:Reader"
[data]
source = "cn-daily"
path = "{SAMPLE_DATA}"
symbols = ["600519"]
timezone = "Asia/Shanghai"
end = 2019-03-01
"""
    (tmp_path / "job.toml").write_text(text)
    first = backfleet("run", "job.toml", "--json")
    assert first.returncode == 0, first.stderr
    store = json.loads(first.stdout)["store"]
    assert "all were done already" in backfleet("run", "job.toml").stdout

    reader.write(tuned=2)
    before = sorted(Path(store).rglob("*"))
    file = reader.path / "tuned.json"
    for arguments in (["run", "job.toml"], ["run", "--dry-run", "job.toml"], ["resume", store]):
        refused = backfleet(*arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == (
            f"backfleet: {file}: the file has changed since rows of this run were computed with "
            'it, and the job does not declare it. Declare it with files = ["tuned.json"] and run '
            "the job again, or put the old file back\n"
        )
    assert sorted(Path(store).rglob("*")) == before
    file.unlink()
    gone = backfleet("run", "job.toml")
    assert gone.returncode == 2
    assert f"{file}: the file is missing or cannot be read" in gone.stderr
    reader.write(tuned=1)
    assert backfleet("resume", store).returncode == 0

    # The fix that the message names.
    reader.write(tuned=2)
    (tmp_path / "job.toml").write_text('files = ["tuned.json"]\n' + text)
    second = json.loads(backfleet("run", "job.toml", "--json").stdout)
    assert second["store"] != store
    assert bf.open_run(second["store"]).results().tuned.to_list() == [2]


def test_another_content_of_a_declared_file_is_another_run(
    folder: Callable[[str], Folder],
) -> None:
    reader = folder(READS_JSON)
    reader.write(tuned=1, other=1)
    first = reader.run(["tuned.json"])
    reader.write(other=2)
    assert plan_job(reader.job(["tuned.json"])).manifest.run_id == first.id
    assert plan_job(reader.job(["*ned.json"])).manifest.run_id == first.id
    reader.write(tuned=2)
    second = reader.run(["tuned.json"])
    assert first.id != second.id
    assert (first.results().tuned.max(), second.results().tuned.min()) == (1, 2)
    assert recorded(first) == recorded(second) == [[], []]


def test_a_file_that_is_read_at_import_is_recorded_and_never_stale(
    folder: Callable[[str], Folder], tmp_path: Path
) -> None:
    reader = folder(READS_AT_IMPORT)
    reader.write(tuned=1)
    first = reader.run()
    assert recorded(first) == [["tuned.json"], ["tuned.json"]]
    # The parameter's default is read from the file, so this is another run.
    script = tmp_path / "plan.py"
    script.write_text(
        "import sys, backfleet as bf\nfrom backfleet.plan.plan import plan_job\n"
        "print(plan_job(bf.Job.model_validate_json(sys.argv[1])).manifest.run_id)\n"
    )
    ids = []
    for tuned in (1, 2, 1):
        reader.write(tuned=tuned)
        command = [sys.executable, script, reader.job().model_dump_json(exclude_unset=True)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        ids.append(done.stdout.strip())
    assert ids[0] == ids[2] == first.id != ids[1]


def test_files_that_libraries_open_are_recorded_and_data_is_not(
    folder: Callable[[str], Folder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = folder(READS_MANY.format(data=SAMPLE_DATA))
    for name in ("array.npy", "mapped.npy"):
        np.save(reader.path / name, np.ones(2))
    np.ones(2).tofile(reader.path / "raw.bin")
    (reader.path / "table.txt").write_text("1 2\n")
    (reader.path / "table.csv").write_text("a\n1\n")
    (reader.path / "table.csv.bz2").write_bytes(bz2.compress(b"a\n1\n"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = reader.run()
    names = ["array.npy", "mapped.npy", "raw.bin", "table.csv", "table.csv.bz2", "table.txt"]
    assert recorded(run) == [names, names]
    rows = run.results()
    assert set(rows.folder) == {str(reader.path)}
    assert set(rows.relative) == {"[]"}


def test_a_strategy_among_its_data_can_read_a_file_beside_it(
    folder: Callable[[str], Folder],
) -> None:
    reader = folder(READS_JSON)
    reader.write(tuned=1)
    for file in SAMPLE_DATA.iterdir():
        shutil.copy(file, reader.path)
    data = reader.job().data.model_dump(mode="json") | {"path": str(reader.path)}
    assert recorded(reader.run(data=data)) == [["tuned.json"], ["tuned.json"]]


def test_a_resumed_run_keeps_the_record_and_adds_to_it(folder: Callable[[str], Folder]) -> None:
    reader = folder(READS_JSON)
    reader.write(tuned=1)
    run = reader.run()
    next(Path(run.url, "chunks").iterdir()).unlink()
    again = resumed(run)
    assert recorded(again) == [["tuned.json"], ["tuned.json"]]
    next(Path(run.url, "chunks").iterdir()).unlink()
    reader.write(tuned=2)
    with pytest.raises(UndeclaredFileChanged, match="has changed since rows"):
        resumed(run)


def test_a_run_whose_strategy_is_gone_can_still_be_opened_and_resumed(
    folder: Callable[[str], Folder],
) -> None:
    reader = folder(READS_JSON)
    reader.write(tuned=1)
    run = reader.run()
    reader.path.rename(reader.path.with_name("moved"))
    assert not resumed(run).counts().missing


RETRIED = """
import json, os
from pathlib import Path
import backtrader as bt

class Reader(bt.Strategy):
    params = (("point", 0),)

    def __init__(self):
        kills = Path("{switch}").exists()
        if self.p.point == 1 and kills:
            os.kill(os.getpid(), 9)
        name = "first.json" if kills else "second.json"
        self.metrics = {{"tuned": json.loads(Path(name).read_text())}}
"""


def test_a_retry_merges_the_records_of_both_attempts(
    folder: Callable[[str], Folder], tmp_path: Path
) -> None:
    switch = tmp_path / "switch"
    switch.touch()
    reader = folder(RETRIED.format(switch=switch))
    reader.write(first=1, second=2)
    # 80 tasks make 40 chunks of two.
    job = reader.job(params={"point": list(range(40))}, engine="backtrader")
    run = ended(bf.run(job, options=["workers=1"], progress=None))
    assert run.counts().retryable == 2
    failed = [header for header in run.chunk_index.headers() if header.retryable]
    assert [len(header.undeclared) for header in failed] == [1, 1]
    switch.unlink()
    run = resumed(run, retry_failed=True)
    assert run.counts().retryable == 0
    merged = [run.chunk_index[header.chunk] for header in failed]
    paths = [[file.path for file in header.undeclared] for header in merged if header]
    assert paths == [["first.json", "second.json"]] * 2


def test_a_bad_pattern_is_refused_before_anything_is_stored(
    folder: Callable[[str], Folder],
) -> None:
    reader = folder(READS_JSON)
    reader.write(tuned=1)
    for pattern in ("../tuned.json", "/etc/hosts", "a//b", "./tuned.json", "a\\b", "~/x"):
        with pytest.raises(JobError, match=r"^files"):
            reader.job([pattern])
    with pytest.raises(JobError, match=r"^files: 'tunde\.json' matches no file in"):
        bf.run(reader.job(["tunde.json"]), progress=None)
    assert not reader.store.exists()


def test_a_resumed_run_reads_the_declared_files_that_it_was_planned_with(
    folder: Callable[[str], Folder], backfleet: Cli
) -> None:
    reader = folder(READS_JSON)
    reader.write(tuned=1)
    run = reader.run(["tuned.json"])
    before = run.results().drop(columns="seconds")
    for chunk in Path(run.url, "chunks").iterdir():
        chunk.unlink()
    reader.write(tuned=2)
    resumed = backfleet("resume", run.url)
    assert resumed.returncode == 0, resumed.stderr
    pd.testing.assert_frame_equal(bf.open_run(run.url).results().drop(columns="seconds"), before)
