"""A folder to work in on the command line: jobs, strategies, and a run that is finished."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from in_process import InProcess
from sample_job import SAMPLE_SYMBOLS, job_text

CLI_SECONDS = 120

STRATEGIES = '''
import os
import sys
import time

import backtrader as bt


class Waits(bt.Strategy):
    """Takes its time, and goes on for good once a file says so."""

    params = (("gate", ""), ("k", 1))

    def next(self):
        pass

    def stop(self):
        print("task", self.p.k, "of", self.data._name)
        while self.p.gate and not os.path.exists(self.p.gate):
            time.sleep(0.02)


class Fails(bt.Strategy):
    """Raises at some bar of odd points, and leaves metrics otherwise."""

    params = (("at", 3), ("seconds", 1), ("note", "=1+1"))

    def __init__(self):
        self.metrics = {"sharpe": 7, "mine": 0.5, "words": self.p.note}

    def next(self):
        if len(self) == self.p.at and self.p.at % 2:
            price = self.data.close[0]
            raise IndexError(f"no {self.p.at} for you\\nand more")


class Exits(bt.Strategy):
    def next(self):
        sys.exit(0)
'''


@dataclass(frozen=True)
class Workshop:
    """A folder, and the command line called in it."""

    folder: Path
    data: Path

    def __call__(
        self, *arguments: object, stdin: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=os.environ | (env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=CLI_SECONDS,
            check=False,
        )

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start the command line and leave it running."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "backfleet", *map(str, arguments)]

    def json(self, *arguments: object) -> Any:
        """The object or list that a command prints last."""
        return json.loads(self(*arguments).stdout)

    def write_job(
        self,
        name: str,
        strategy: str,
        params: str = "",
        symbols: Sequence[str] = SAMPLE_SYMBOLS,
    ) -> Path:
        file = self.folder / name
        file.write_text(job_text(strategy, params, data=self.data, symbols=symbols))
        return file


def _set_up(folder: Path, data: Path) -> Workshop:
    shop = Workshop(folder, data)
    (shop.folder / "mine.py").write_text(STRATEGIES)
    shop.write_job("sma.toml", "sma-crossover", "period = 15")
    shop.write_job("waits.toml", "mine.py:Waits", "k = { start = 1, stop = 4, step = 1 }")
    shop.write_job("fails.toml", "mine.py:Fails", "at = [2, 3, 4]", ("600519", "600560"))
    shop.write_job("exits.toml", "mine.py:Exits")
    return shop


@pytest.fixture(scope="session")
def finished_runs(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> dict[str, Path]:
    """Where finished runs of `sma.toml` and `fails.toml` lie, by the job's name."""
    shop = _set_up(tmp_path_factory.mktemp("finished"), sample_data)
    jobs = ("sma", "fails")
    return {job: Path(shop.json("run", f"{job}.toml", "--json")["store"]) for job in jobs}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, sample_data: Path) -> Workshop:
    """A folder with jobs: `sma.toml`, `waits.toml`, `fails.toml`, `exits.toml`."""
    return _set_up(tmp_path_factory.mktemp("workshop"), sample_data)


@pytest.fixture(scope="module")
def finished(workshop: Workshop, finished_runs: dict[str, Path]) -> str:
    """The id of the reference job's run in the workshop's store."""
    return _copied(finished_runs["sma"], workshop)


@pytest.fixture(scope="module")
def failed(workshop: Workshop, finished_runs: dict[str, Path]) -> str:
    """The id of a run of six tasks of which two failed; its tasks left metrics of their own."""
    return _copied(finished_runs["fails"], workshop)


def _copied(run: Path, shop: Workshop) -> str:
    shutil.copytree(run, shop.folder / "runs" / run.name)
    return run.name


@dataclass(frozen=True)
class Answer:
    """What a call of the command line in this process ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def ask(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[str], Answer]:
    """Call the command line in this process, at first in the workshop's folder: a line as in
    a shell."""
    monkeypatch.chdir(workshop.folder)

    def call(line: str) -> Answer:
        done = InProcess(Path.cwd(), capfd)(*shlex.split(line))
        return Answer(done.returncode, done.stdout, done.stderr)

    return call
