"""Tables as the page's script reads them: exact numbers in Base64, texts as codes into a list."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backfleet.report.metric_labels import metric_label

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Heading", "data_table", "heading_of"]

Floats = NDArray[np.float64]

TITLES = {"task": "Task", "symbol": "Symbol", "status": "Status", "error": "Error"}


@dataclass(frozen=True)
class Heading:
    """The name, label and format of a column.

    Attributes
    ----------
    name
        Of the column in the frame, and in a filter.
    form
        See `metric_label`; "text" for what is not a number.
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
    """Return the heading of a column of the results."""
    if column.dtype.kind not in "iuf":
        return Heading(name, TITLES.get(name, name), shown=shown)
    if name in TITLES:
        return Heading(name, TITLES[name], "count", shown=shown)
    words = metric_label(name)
    return Heading(name, words.label, words.form, words.formula, shown)


def data_table(frame: pd.DataFrame, headings: Sequence[Heading]) -> Mapping[str, Any]:
    """Return plain JSON with the columns of `frame` that have a heading."""
    columns = [{**vars(heading), **_content(frame[heading.name])} for heading in headings]
    return {"rows": len(frame), "columns": columns}


def _content(column: pd.Series) -> Mapping[str, Any]:
    # The script has no other numbers than float64. `packed` stores them in the smallest type.
    if column.dtype.kind in "iuf":
        return packed("numbers", column.to_numpy(np.float64, na_value=np.nan))
    texts = _Texts()
    codes = [texts.code(value) for value in column]
    # Columns such as symbols repeat a few texts, so that codes take a fraction of their space.
    return {"texts": texts.known, **packed("codes", np.array(codes, np.float64))}


def packed(name: str, values: Floats) -> Mapping[str, str]:
    """Return numbers in Base64 under a name, and their type, which is the smallest that fits."""
    kind = "<f8"
    # -0 and NaN are no integers.
    if (
        len(values)
        and (values == np.trunc(values)).all()
        and not np.signbit(values[values == 0]).any()
    ):
        low, high = values.min(), values.max()
        for integer in ("<i1", "<i2", "<i4"):
            limits = np.iinfo(integer)
            if limits.min <= low and high <= limits.max:
                kind = integer
                break
    content = np.ascontiguousarray(values, kind).tobytes()
    return {name: base64.b64encode(content).decode(), "type": kind.removeprefix("<")}


@dataclass
class _Texts:
    """Different texts in the order in which they come; -1 stands for none."""

    known: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    def code(self, value: object) -> int:
        # NaN stands for a missing text in columns that pandas has joined.
        if value is None or value != value:
            return -1
        # Truth values are written as in a job file.
        text = str(value).lower() if isinstance(value, (bool, np.bool_)) else str(value)
        if text not in self.codes:
            self.codes[text] = len(self.known)
            self.known.append(text)
        return self.codes[text]
