"""Progress in a notebook: one display that is updated."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, TextIO

from backfleet.console import count_of
from backfleet.html import bar, heading
from backfleet.results.chunk_index import Counts

__all__ = ["NotebookBar", "is_notebook"]


def is_notebook(stream: TextIO) -> bool:
    """Whether a stream is that of a Jupyter kernel; imports nothing."""
    return type(stream).__module__.startswith("ipykernel") and "IPython" in sys.modules


class NotebookBar:
    """Shows HTML in the output of a cell, in place of what it showed before."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._handle: Any = None

    def show(self, counts: Counts, words: str) -> None:
        # IPython is no requirement of backfleet; `is_notebook` has shown that it is loaded.
        ipython: Any = import_module("IPython.display")
        text = f"{counts.finished:,} of {count_of(counts.tasks, 'task')} {words}".rstrip()
        html = ipython.HTML(
            heading("", f"run {self._run}") + bar(counts.finished, counts.tasks, text)
        )
        if self._handle is None:
            self._handle = ipython.display(html, display_id=True)
        else:
            self._handle.update(html)
