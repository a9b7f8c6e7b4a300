"""Showing how a run goes: a live bar on a terminal or in a notebook, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from backfleet.console import count_of
from backfleet.results.chunk_index import Counts
from backfleet.runs.notebook import NotebookBar, is_notebook

__all__ = ["Show", "progress_on"]

LINE_SECONDS = 5.0
"""Minimum interval of plain lines."""

COMPILING = "compiling the engine, which is kept for later runs"

Show = Callable[[Counts], None]
"""Shows the counts of a run as it goes."""


@dataclass(frozen=True)
class Speed:
    """The rate at which tasks finish.

    Attributes
    ----------
    rate
        Tasks per second.
    left
        Seconds until the last task has finished; None if that is unknown.
    is_compiling
        Whether no task has finished because the engine is being compiled.
    """

    rate: float
    left: float | None = None
    is_compiling: bool = False


class CompletionRate:
    """Measures how fast tasks finish, from the first look on and without the time of compiling."""

    def __init__(self, is_compiling: Callable[[], bool]) -> None:
        self._is_compiling = is_compiling
        self._since = time.monotonic()
        self._first: int | None = None

    def look(self, counts: Counts) -> Speed:
        """Return the speed until now."""
        now = time.monotonic()
        if self._first is None:
            # Tasks that were finished before the first look say nothing about the speed.
            self._first = counts.finished
        fresh = counts.finished - self._first
        if not fresh:
            if is_compiling := self._is_compiling():
                # Time in which the engine is compiled does not count: the rate would start far too
                # low.
                self._since = now
            return Speed(0.0, is_compiling=is_compiling)
        # Two looks may fall on one reading of the clock.
        rate = fresh / max(now - self._since, 1e-9)
        return Speed(rate, (counts.tasks - counts.finished) / rate)


class PlainLines:
    """A line at the start, one now and then, and one at the end."""

    def __init__(self, stream: TextIO, run: str, pace: CompletionRate) -> None:
        self._stream = stream
        self._run = run
        self._pace = pace
        self._said: float | None = None

    def show(self, counts: Counts) -> None:
        speed = self._pace.look(counts)
        now = time.monotonic()
        # The last line, without missing tasks, is printed at any time.
        if self._said is not None and now - self._said < LINE_SECONDS and counts.missing:
            return
        self._said = now
        rate = f", {speed.rate:.1f}/s" if speed.rate else ""
        eta = f", about {_duration(speed.left)} left" if speed.left else ""
        compiling = f", {COMPILING}" if speed.is_compiling else ""
        tasks = count_of(counts.tasks, "task")
        print(
            f"run {self._run}: {_about(counts)}{counts.finished:,} of {tasks}"
            f"{compiling}{rate}{eta}{_failures(counts)}",
            file=self._stream,
            flush=True,
        )


@contextmanager
def progress_on(
    stream: TextIO | None,
    run: str,
    counts: Counts,
    is_compiling: Callable[[], bool] = lambda: False,
) -> Iterator[Show]:
    """Show progress as it suits a stream, and nothing without one. A bar is wiped at the end.

    Until the first task has finished, `is_compiling` is asked whether machine code is compiled.
    """
    pace = CompletionRate(is_compiling)
    if stream is None:
        yield lambda _: None
    elif is_notebook(stream):
        cell = NotebookBar(run)
        yield lambda counts: cell.show(counts, _words(counts, pace))
    elif not stream.isatty():
        yield PlainLines(stream, run, pace).show
    else:
        with _bar(stream) as bar:
            task = bar.add_task(run, total=counts.tasks, completed=counts.finished, words="")
            yield lambda counts: bar.update(
                task, completed=counts.finished, words=_words(counts, pace)
            )


def _bar(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        console=Console(file=stream),
        # The table of results follows, and a full bar above it would only take room.
        transient=True,
    )


def _words(counts: Counts, pace: CompletionRate) -> str:
    """Return the rate, the time left and the failures."""
    speed = pace.look(counts)
    if speed.is_compiling:
        return COMPILING
    words = f"{_about(counts)}{speed.rate:.1f}/s" if speed.rate else ""
    if speed.left:
        words += f", {_duration(speed.left)} left"
    return words + _failures(counts)


def _about(counts: Counts) -> str:
    return "about " if counts.is_estimate else ""


def _failures(counts: Counts) -> str:
    parts = []
    if counts.error:
        parts.append(f"{counts.error:,} failed")
    if counts.suspicious:
        parts.append(f"{counts.suspicious:,} suspicious")
    return "; " + ", ".join(parts) if parts else ""


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
