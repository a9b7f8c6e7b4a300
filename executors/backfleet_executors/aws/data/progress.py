"""Showing how a push goes: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from backfleet_executors.aws.data.push import Pushing

__all__ = ["amount", "push_progress"]

LINE_SECONDS = 5.0
"""Plain lines come no more often than this, and none of a push that is over sooner."""


def amount(size: int) -> str:
    """Bytes for reading."""
    value, unit = float(size), "bytes"
    # Decimal units, as S3 is billed and disks are sold.
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"


@contextmanager
def push_progress(stream: TextIO) -> Iterator[Callable[[Pushing], None]]:
    """Yield the callback with which `push` reports progress. A bar is wiped at the end."""
    if not stream.isatty():
        yield _plain_lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("data"), BarColumn(bar_width=16), MofNCompleteColumn())
    words = TextColumn("{task.fields[words]}")
    with Progress(*columns, words, console=Console(file=stream), transient=True) as bar:
        # The number of files is known with the first report.
        task = bar.add_task("data", total=None, words="")

        def show(progress: Pushing) -> None:
            sent = f"{amount(progress.sent)} sent"
            bar.update(task, total=progress.files, completed=progress.done, words=sent)

        yield show


def _plain_lines(stream: TextIO) -> Callable[[Pushing], None]:
    said = time.monotonic()

    def show(progress: Pushing) -> None:
        nonlocal said
        if time.monotonic() - said < LINE_SECONDS:
            return
        said = time.monotonic()
        print(
            f"data: {progress.done:,} of {progress.files:,} files, {amount(progress.sent)} sent",
            file=stream,
            flush=True,
        )

    return show
