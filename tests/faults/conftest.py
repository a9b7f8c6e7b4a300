"""A fleet: a small job, the processes that run it, and what they leave in the store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from backfleet.chunks.chunk import Chunk
from backfleet.chunks.date_sums import KeptReturns
from backfleet.chunks.formats import PART
from backfleet.chunks.rows import read_rows
from backfleet.code.trusted_code import trust_file
from backfleet.job import Job
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.runs.open import open_run
from backfleet.runs.run import Run
from backfleet.store import open_store
from backfleet.submissions.deal import deal_chunks
from backfleet.submissions.prepare import draft_of
from backfleet.submissions.submission_log import SubmissionLog
from backfleet.worker.env_vars import PINNED_HASHES
from stored_rows import stored_rows

HERE = Path(__file__).parent
SECONDS = 90
SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
BARS = 30

JOB = """
strategy = "{strategy}:Trial"

[params]
mode = {modes}
point = {{ start = 0, stop = {last}, step = 1 }}

[data]
source = "csv"
path = "{data}"
symbols = {symbols}

[results]
store = "{store}"

[resources]
memory = "256 MiB"
task_timeout = "{task_timeout} s"
"""


class Fleet:
    """A job in a folder of its own. By default it has 16 tasks, each a chunk.

    Attributes
    ----------
    store
        Where its runs go.
    log
        A line for each task that a process began.
    behave
        The strategy behaves while this file exists.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        self.store = folder / "runs"
        self.log = folder / "log"
        self.behave = folder / "behave"
        self._begun: list[subprocess.Popen[str]] = []
        self.write_job()

    def write_job(
        self,
        modes: tuple[str, ...] = ("plain",),
        points: int = 4,
        symbols: tuple[str, ...] = SYMBOLS,
        task_timeout: float = 60,
    ) -> None:
        text = JOB.format(
            strategy=HERE / "strategies" / "trial.py",
            modes=list(modes),
            last=points - 1,
            data=self.data,
            symbols=list(symbols),
            store=self.store,
            task_timeout=task_timeout,
        )
        self.job.write_text(text)

    @property
    def job(self) -> Path:
        return self.folder / "job.toml"

    # -- processes --------------------------------------------------------------------------------

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Begin a command of backfleet's."""
        return self._start([sys.executable, "-m", "backfleet", *map(str, arguments)], environment)

    def call(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command of backfleet's, to its end."""
        process = self.start(*arguments, **environment)
        stdout, stderr = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.call("run", self.job, *arguments, **environment)

    def resume(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.call("resume", self.opened().url, *arguments, **environment)

    def submit(self, shards: int = 1, chunk_size: int = 1) -> str:
        """Log a submission of the whole job for workers that nothing starts; its URL.

        Chunks of several symbols keep the sums of returns over them, as those of large runs do.
        """
        plan = plan_job(Job.load(self.job))
        trust_file(plan.strategy)
        symbols, rest = divmod(chunk_size, len(plan.manifest.points))
        kept = KeptReturns.SUMS if symbols > 1 and not rest else KeptReturns.TASKS
        manifest = replace(plan.manifest, chunk_size=chunk_size, kept_returns=kept)
        store = open_store(str(self.store)).at(manifest.run_id)
        save_manifest(store, manifest)
        chunks = [(chunk, 0) for chunk in range(len(manifest.chunks))]
        submission = replace(
            draft_of(plan),
            executor="local",
            created="2024-01-01T00:00:00+00:00",
            shards=deal_chunks(chunks, manifest.chunks, shards),
        )
        return SubmissionLog(store).append(submission).url

    def work(self, submission: str, shard: int = 0, **environment: str) -> subprocess.Popen[str]:
        """Begin a worker of a submission, as executors do."""
        command = [sys.executable, "-P", "-m", "backfleet", "worker", submission, str(shard)]
        return self._start(command, {**PINNED_HASHES, **environment})

    def _start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        paths = [str(HERE / "injection"), *filter(None, [os.environ.get("PYTHONPATH")])]
        ours = {
            "PYTHONPATH": os.pathsep.join(paths),
            "TRIAL_LOG": str(self.log),
            "TRIAL_BEHAVE": str(self.behave),
            "BACKFLEET_LOCAL_WORKERS": "2",
        }
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | ours | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._begun.append(process)
        return process

    def workers(self) -> list[psutil.Process]:
        """The worker processes of this fleet that run now."""
        workers = []
        for process in psutil.process_iter(["cmdline", "status"]):
            command = process.info["cmdline"] or []
            mine = any(str(self.folder) in word for word in command) and "worker" in command
            if mine and process.info["status"] != psutil.STATUS_ZOMBIE:
                workers.append(process)
        return workers

    def end(self) -> None:
        """Leave no process behind, whatever a test came to."""
        for process in self._begun:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for worker in self.workers():
            with_children = [worker, *worker.children(recursive=True)]
            for own in with_children:
                own.send_signal(signal.SIGKILL)

    # -- what they leave --------------------------------------------------------------------------

    def opened(self) -> Run:
        """The one run of the store."""
        (folder,) = self.store.glob("[0-9a-f]*")
        return open_run(str(folder))

    def chunks(self) -> list[Path]:
        """The files of all chunks, sorted."""
        return sorted(path for path in self.store.glob("*/chunks/*") if path.suffix != ".tmp")

    def executed(self) -> Counter[str]:
        """`symbol mode point` of every task to how often a process began it."""
        if not self.log.exists():
            return Counter()
        return Counter(line for line in self.log.read_text().splitlines() if line[:4] != "left")

    def left(self) -> list[int]:
        """Numbers of the processes that tasks left behind."""
        lines = self.log.read_text().splitlines()
        return [int(line.split()[1]) for line in lines if line.startswith("left")]

    def rows(self) -> list[dict[str, Any]]:
        """All rows, without what two equal runs may differ in."""
        return stored_rows(self.opened())

    def tasks(self) -> set[str]:
        """Tasks that have a row, in the words of `executed`."""
        return {f"{row['symbol']} {row['mode']} {row['point']}" for row in self.rows()}

    def in_parts(self) -> set[str]:
        """Tasks that a part holds, in the words of `executed`."""
        folder = next(self.store.glob("[0-9a-f]*"))
        parts = [Chunk.from_bytes(path.read_bytes(), PART) for path in folder.glob("parts/*/*")]
        rows = [
            row for part in parts for row in read_rows(part.body, part.header.count).to_pylist()
        ]
        return {f"{row['symbol']} {row['mode']} {row['point']}" for row in rows}

    def blobs(self) -> list[dict[str, str]]:
        """Of each chunk, detail to the hash of its content."""
        return [dict(header.blobs) for header in self.opened().chunk_index.headers()]


@pytest.fixture(scope="session")
def bars_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four symbols of thirty days each, prices in a saw-tooth of their own."""
    folder = tmp_path_factory.mktemp("bars")
    for number, symbol in enumerate(SYMBOLS, start=2):
        lines = ["date,open,high,low,close,volume"]
        for day in range(BARS):
            price = 100 + 10 * number + (day * number) % (7 + number)
            lines.append(f"2024-01-{day + 1:02},{price},{price + 2},{price - 2},{price + 1},1000")
        (folder / f"{symbol}.csv").write_text("\n".join(lines) + "\n")
    return folder


FleetMaker = Callable[[str], Fleet]


@pytest.fixture(scope="session")
def make_fleet(tmp_path_factory: pytest.TempPathFactory, bars_folder: Path) -> Iterator[FleetMaker]:
    """Makes fleets, each in a fresh folder, and leaves no process of theirs behind."""
    made: list[Fleet] = []

    def make(name: str) -> Fleet:
        made.append(Fleet(tmp_path_factory.mktemp(name), bars_folder))
        return made[-1]

    yield make
    for fleet in made:
        fleet.end()


@pytest.fixture
def fleet(tmp_path: Path, bars_folder: Path) -> Iterator[Fleet]:
    new_fleet = Fleet(tmp_path, bars_folder)
    yield new_fleet
    new_fleet.end()


@pytest.fixture(scope="session")
def undisturbed(make_fleet: FleetMaker) -> Fleet:
    """The default job, run without any fault. Its run has the same id in every fleet."""
    new_fleet = make_fleet("undisturbed")
    done = new_fleet.run()
    assert done.returncode == 0, done.stderr
    return new_fleet
