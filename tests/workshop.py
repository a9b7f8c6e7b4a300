"""`Workshop`: a folder with jobs and strategies, and the command line called in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sample_job import SAMPLE_SYMBOLS, job_text

__all__ = ["Answer", "Ask", "Workshop", "set_up_workshop"]

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


def set_up_workshop(folder: Path, data: Path) -> Workshop:
    shop = Workshop(folder, data)
    (shop.folder / "mine.py").write_text(STRATEGIES)
    shop.write_job("sma.toml", "sma-crossover", "period = 15")
    shop.write_job("waits.toml", "mine.py:Waits", "k = { start = 1, stop = 4, step = 1 }")
    shop.write_job("fails.toml", "mine.py:Fails", "at = [2, 3, 4]", ("600519", "600560"))
    shop.write_job("exits.toml", "mine.py:Exits")
    return shop


@dataclass(frozen=True)
class Answer:
    """What a call of the command line in this process ended with."""

    code: int
    out: str
    err: str


Ask = Callable[[str], Answer]
"""Calls the command line with the arguments of one line, as in a shell."""
