"""HTML for notebooks: what is shown is escaped, whatever it holds, and nothing in it is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from backfleet.errors import cut_text

__all__ = ["bar", "facts_table", "heading", "paragraphs", "rows_table"]

CELL = "padding:1px 10px 1px 0;text-align:left;white-space:pre-wrap"
NUMBER = "padding:1px 10px 1px 0;text-align:right;font-variant-numeric:tabular-nums"
MAX_CELL_CHARS = 300
"""Longer texts are cut."""


def heading(title: str, more: str = "") -> str:
    """A title, and what qualifies it."""
    return f"<div><b>{_text(title)}</b> <code>{_text(more)}</code></div>"


def paragraphs(title: str, texts: Iterable[str]) -> str:
    """Paragraphs of text under a title."""
    body = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return f"<div><b>{_text(title)}</b>{body}</div>"


def facts_table(facts: Mapping[str, object]) -> str:
    """A line for each fact, its name before it."""
    rows = (
        f'<tr><th style="{CELL};font-weight:normal;opacity:.7">{_text(name)}</th>'
        f'<td style="{CELL}">{_text(value)}</td></tr>'
        for name, value in facts.items()
    )
    return _table(rows)


def rows_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under the names of their columns; numbers to the right, rounded to six digits."""
    head = "".join(f'<th style="{CELL}">{_text(name)}</th>' for name in names)
    body = ("".join(map(_cell, row)) for row in rows)
    return _table([f"<tr>{head}</tr>", *(f"<tr>{cells}</tr>" for cells in body)])


def bar(done: int, total: int, words: str) -> str:
    """A bar of what is done, with words beside it."""
    return (
        # HTML requires a `max` above 0, and an empty run has 0 tasks. `:d` fails on anything but
        # integers, so nothing unescaped gets in.
        f'<div><progress value="{done:d}" max="{max(total, 1):d}"></progress> {_text(words)}</div>'
    )


def _table(rows: Iterable[str]) -> str:
    return f'<table style="border-collapse:collapse">{"".join(rows)}</table>'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td style="{NUMBER}">{value:z.6g}</td>'
    if value is None:
        return f'<td style="{NUMBER}">-</td>'
    # To Python, a bool is an int too.
    style = NUMBER if isinstance(value, int) and not isinstance(value, bool) else CELL
    return f'<td style="{style}">{_text(value)}</td>'


def _text(value: object) -> str:
    return escape(cut_text(str(value), MAX_CELL_CHARS))
