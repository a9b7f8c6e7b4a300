"""Showing how a run goes: a live bar on a terminal or in a notebook, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from backfleet.results.chunk_index import Counts
from backfleet.runs.notebook import NotebookBar, is_notebook

__all__ = ["Show", "progress_on"]

LINE_SECONDS = 5.0
"""Minimum interval of plain lines."""


Show = Callable[[Counts], None]
"""Shows the counts of a run as it goes."""


class CompletionRate:
    """Tasks finished per second since the first look."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._first: int | None = None

    def look(self, counts: Counts) -> tuple[float, float | None]:
        """Return tasks per second, and the seconds left, None while they cannot be estimated."""
        if self._first is None:
            self._first = counts.finished
        rate = (counts.finished - self._first) / max(time.monotonic() - self._since, 1e-9)
        return rate, (counts.tasks - counts.finished) / rate if rate else None


class PlainLines:
    """A line at the start, one now and then, and one at the end."""

    def __init__(self, stream: TextIO, run: str, pace: CompletionRate) -> None:
        self._stream = stream
        self._run = run
        self._pace = pace
        self._said: float | None = None

    def show(self, counts: Counts) -> None:
        rate, left = self._pace.look(counts)
        now = time.monotonic()
        if self._said is not None and now - self._said < LINE_SECONDS and counts.missing:
            return
        self._said = now
        speed = f", {rate:.1f}/s" if rate else ""
        eta = f", about {_duration(left)} left" if left else ""
        print(
            f"run {self._run}: {_about(counts)}{counts.finished:,} of {counts.tasks:,} tasks"
            f"{speed}{eta}{_failures(counts)}",
            file=self._stream,
            flush=True,
        )


@contextmanager
def progress_on(stream: TextIO | None, run: str, counts: Counts) -> Iterator[Show]:
    """Show progress as it suits a stream, and nothing without one. A bar is wiped at the end."""
    pace = CompletionRate()
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
        transient=True,
    )


def _words(counts: Counts, pace: CompletionRate) -> str:
    """Rate, time left and failures."""
    rate, left = pace.look(counts)
    words = f"{_about(counts)}{rate:.1f}/s" if rate else ""
    if left:
        words += f", {_duration(left)} left"
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
