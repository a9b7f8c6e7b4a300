"""Showing how a run goes: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from backfleet.results.ledger import Counts

__all__ = ["Progress", "progress_on"]

LINE_SECONDS = 5.0
"""Plain lines come no more often than this."""


class Progress(ABC):
    """Is told the counts of a run as it goes."""

    @abstractmethod
    def show(self, counts: Counts) -> None: ...


class Silent(Progress):
    """Shows nothing."""

    def show(self, counts: Counts) -> None:
        pass


class PlainLines(Progress):
    """A line now and then, and one at the end."""

    def __init__(self, stream: TextIO, run: str) -> None:
        self._stream = stream
        self._run = run
        self._started = time.monotonic()
        self._first: int | None = None
        self._said = self._started

    def show(self, counts: Counts) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = counts.done
        if now - self._said < LINE_SECONDS and counts.missing:
            return
        self._said = now
        rate = (counts.done - self._first) / max(now - self._started, 1e-9)
        eta = f", about {counts.missing / rate:.0f} s left" if rate and counts.missing else ""
        print(
            f"run {self._run}: {counts.done} of {counts.tasks} tasks, {rate:.1f}/s{eta}"
            f"{_failures(counts)}",
            file=self._stream,
            flush=True,
        )


class LiveBar(Progress):
    """A bar of rich: tasks done, rate, time left, failures."""

    def __init__(self, bar: Any, task: Any) -> None:
        self._bar = bar
        self._task = task

    def show(self, counts: Counts) -> None:
        self._bar.update(self._task, completed=counts.done, failures=_failures(counts))


@contextmanager
def progress_on(stream: TextIO | None, run: str, counts: Counts) -> Iterator[Progress]:
    """The progress display that suits a stream; silent without one."""
    if stream is None:
        yield Silent()
    elif not stream.isatty():
        yield PlainLines(stream, run)
    else:
        with _bar(stream) as bar:
            task = bar.add_task(run, total=counts.tasks, completed=counts.done, failures="")
            yield LiveBar(bar, task)


def _bar(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as RichProgress,
    )

    return RichProgress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]}"),
        console=Console(file=stream),
        transient=stream is sys.stderr,
    )


def _failures(counts: Counts) -> str:
    parts = []
    if counts.error:
        parts.append(f"{counts.error} failed")
    if counts.suspicious:
        parts.append(f"{counts.suspicious} suspicious")
    return "; " + ", ".join(parts) if parts else ""
