"""Tables as the page's script reads them: exact numbers in Base64, texts as codes into a list."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from backfleet.report.metric_words import metric_words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Heading", "data_table", "heading_of"]

TITLES = {"task": "Task", "symbol": "Symbol", "status": "Status", "error": "Error"}


@dataclass(frozen=True)
class Heading:
    """How a column is shown.

    Attributes
    ----------
    name
        Of the column in the frame, and in a filter.
    form
        See `metric_words`; "text" for what is not a number.
    tip
        A sentence for whoever points at the heading.
    shown
        Whether the table has it; what is left out shows in a row's details.
    """

    name: str
    label: str
    form: str = "text"
    tip: str = ""
    shown: bool = True


def heading_of(name: str, column: pd.Series, *, shown: bool = True) -> Heading:
    """The heading of a column of the results."""
    if column.dtype.kind not in "iuf":
        return Heading(name, TITLES.get(name, name), shown=shown)
    if name in TITLES:
        return Heading(name, TITLES[name], "count", shown=shown)
    words = metric_words(name)
    return Heading(name, words.label, words.form, words.formula, shown)


def data_table(frame: pd.DataFrame, headings: Sequence[Heading]) -> Mapping[str, Any]:
    """Plain JSON with the columns of `frame` that have a heading."""
    columns = [{**vars(each), **_content(frame[each.name])} for each in headings]
    return {"rows": len(frame), "columns": columns}


def _content(column: pd.Series) -> Mapping[str, Any]:
    if column.dtype.kind in "iuf":
        return {"numbers": _base64(column.to_numpy(np.float64, na_value=np.nan))}
    texts = _Texts()
    codes = [texts.code(value) for value in column]
    return {"texts": texts.known, "codes": _base64(np.array(codes, np.float64))}


@dataclass
class _Texts:
    """Different texts in the order in which they come; -1 stands for none."""

    known: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    def code(self, value: object) -> int:
        if value is None or value != value:
            return -1
        text = str(value).lower() if isinstance(value, (bool, np.bool_)) else str(value)
        if text not in self.codes:
            self.codes[text] = len(self.known)
            self.known.append(text)
        return self.codes[text]


def _base64(values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f8").tobytes()).decode()
