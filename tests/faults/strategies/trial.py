"""A strategy that writes down that it ran, and that misbehaves where it is told to.

It behaves while the file TRIAL_BEHAVE exists, so that one run can be had with and without it.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import backtrader as bt
import numpy as np

AT = 1
"""The point that misbehaves; the other points of a mode are its neighbors."""


class Trial(bt.Strategy):  # backtrader has no types
    """Buys and sells by turns, and leaves two random draws in its metrics."""

    params = (("mode", "plain"), ("point", 0))

    def __init__(self) -> None:
        _write_down(f"{self.data._name} {self.p.mode} {self.p.point}")
        time.sleep(float(os.environ.get("TRIAL_SECONDS", "0")))
        self.metrics: dict[str, Any] = {
            "drawn": random.random(),
            "drawn_by_numpy": float(np.random.random()),
        }

    def next(self) -> None:
        if len(self) == 3 and self.p.point == AT and not _behaves():
            MODES[self.p.mode](self)
        if len(self) % (3 + self.p.point % 4) == 0:
            self.sell() if self.position else self.buy(size=10 + self.p.point)


def _write_down(line: str) -> None:
    """Append a line, whole also where other processes do so at the same time."""
    if "TRIAL_LOG" in os.environ:
        log = os.open(os.environ["TRIAL_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(log, f"{line}\n".encode())
        os.close(log)


def _behaves() -> bool:
    return Path(os.environ.get("TRIAL_BEHAVE", "")).is_file()


def _nothing(_: Trial) -> None:
    pass


def _raise(strategy: Trial) -> None:
    raise ValueError(f"no such price, says {object()!r} \ud800")


def _raise_base(_: Trial) -> None:
    class Odd(BaseException):
        pass

    raise Odd("not an Exception")


def _exit(_: Trial) -> None:
    sys.exit(3)


def _exit_at_once(_: Trial) -> None:
    os._exit(7)


def _segfault(_: Trial) -> None:
    ctypes.string_at(0)


def _kill(_: Trial) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang(_: Trial) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def _eat(_: Trial) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(8 * 2**20))


def _print(_: Trial) -> None:
    for _line in range(1024):
        print("x" * 1023)


def _leave_process(_: Trial) -> None:
    left = subprocess.Popen(["sleep", "600"])
    _write_down(f"left {left.pid}")


def _fork(_: Trial) -> None:
    """The copy goes on with the backtest as if it were the original."""
    os.fork()


def _die_later(_: Trial) -> None:
    """Ends the process soon after the task, in one of its neighbors."""
    threading.Timer(0.25, os._exit, [9]).start()


def _be_random(strategy: Trial) -> None:
    strategy.metrics["drawn"] = int.from_bytes(os.urandom(4), "big")


def _leave_list(strategy: Trial) -> None:
    strategy.metrics["drawn"] = [1, 2]


MODES: Mapping[str, Callable[[Trial], None]] = {
    "plain": _nothing,
    "raise": _raise,
    "raise-base": _raise_base,
    "exit": _exit,
    "exit-at-once": _exit_at_once,
    "segfault": _segfault,
    "kill": _kill,
    "hang": _hang,
    "eat": _eat,
    "print": _print,
    "leave-process": _leave_process,
    "fork": _fork,
    "die-later": _die_later,
    "random": _be_random,
    "leave-list": _leave_list,
}
