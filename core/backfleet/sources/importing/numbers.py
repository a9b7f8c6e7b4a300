"""Numbers as vendors write them: signs of currency, thousands, decimal commas, K, M and 万."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["MISSING", "decimal_mark", "is_number", "read_numbers"]

MISSING = (
    "",
    "NA",
    "N/A",
    "NaN",
    "nan",
    "NULL",
    "null",
    "None",
    "-",
    "--",
    "—",
    ".",
    "#N/A",
    "\\N",
)
UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "万": 1e4, "亿": 1e8}

_NUMBER = re.compile(r"[-+]?[$€£¥]?[-+]?[0-9][0-9., '\u00a0]*([eE][-+]?[0-9]+)?[KkMmBbTt万亿%]?")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]{1,3}(\.[0-9]{3})*,[0-9]+|[-+]?[0-9]+,[0-9]+")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(\.[0-9]{3})+")
_SIGNS = " $€£¥%KMBkmb万亿"
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{2,3})*,[0-9]{3}(\.[0-9]*)?")


def is_number(text: str) -> bool:
    """Whether a cell looks like a number."""
    return bool(_NUMBER.fullmatch(text.strip()))


def decimal_mark(values: Sequence[str], others: Iterable[str] = ()) -> str | None:
    """Return `.` or `,` as the decimal mark of the values; None if both readings fit.

    Values such as 141.264 are thousands if `others`, such as 0,24%, have decimal commas.
    """
    # Only values with a comma can tell what commas are.
    with_comma = [value.strip(_SIGNS) for value in values if "," in value]
    if not with_comma:
        grouped = all(_GROUPED.fullmatch(value.strip(_SIGNS)) for value in values)
        numbers = [text.strip(_SIGNS) for text in others if "," in text]
        commas = [text for text in numbers if _DECIMAL_COMMA.fullmatch(text)]
        is_comma = any(not _THOUSANDS.fullmatch(text) for text in commas)
        return "," if values and grouped and is_comma else "."
    comma = all(_DECIMAL_COMMA.fullmatch(value) for value in with_comma)
    thousands = all(_THOUSANDS.fullmatch(value) for value in with_comma)
    # Such as 1,234 in all rows.
    if comma and thousands:
        return None
    return "," if comma else "."


def read_numbers(column: Any, mark: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a column as float64, NaN where it is missing, and whether each cell was readable."""
    kind = column.type
    if not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
        try:
            numbers = column.cast(pa.float64(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            column = column.cast(pa.string())
        else:
            return _floats(numbers), np.ones(len(column), dtype=np.bool_)
    text = pc.utf8_trim_whitespace(column)
    # Before any number is read: vendors have many words for a missing value.
    text = pc.if_else(pc.is_in(text, pa.array(MISSING, pa.string())), None, text)
    # Arrow's parser reads plain columns at once, and rounds correctly.
    if mark == ".":
        try:
            return _floats(text.cast(pa.float64())), np.ones(len(column), dtype=np.bool_)
        except pa.ArrowInvalid:
            pass
    return _lenient(text, mark)


def _lenient(text: Any, mark: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    other, point = (r"\.", ",") if mark == "," else (",", r"\.")
    # Signs of currency, spaces and apostrophes between thousands, and percent signs are dropped.
    plain = pc.replace_substring_regex(text, r"[$€£¥\s\x{a0}'%]", "")
    # A mark that does not stand before three digits is no mark of thousands.
    grouped = rf"^[-+]?\d{{1,3}}(?:{other}\d{{2,3}})*{other}\d{{3}}(?:{point}\d*)?[A-Za-z万亿]?$"
    thousands = pc.match_substring_regex(plain, grouped)
    plain = pc.if_else(thousands, pc.replace_substring_regex(plain, other, ""), plain)
    if mark == ",":
        plain = pc.replace_substring(plain, ",", ".")
    parts = pc.extract_regex(
        plain, r"^(?P<n>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?P<u>[KkMmBbTt万亿]?)$"
    )
    number, unit = pc.struct_field(parts, "n"), pc.struct_field(parts, "u")
    values = _floats(number.cast(pa.float64()))
    for word, factor in UNITS.items():
        has_unit = _flags(pc.equal(pc.utf8_upper(unit), word))
        # Rounded, so that 2.81M is 2,810,000 and not a neighbor of it.
        values = np.where(has_unit, np.round(values * factor, 6), values)
    return values, _flags(pc.is_null(text)) | ~_flags(pc.is_null(number))


def _flags(column: Any) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(column, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _floats(column: Any) -> NDArray[np.float64]:
    return np.array(pc.fill_null(column, np.nan).to_numpy(zero_copy_only=False), dtype=np.float64)
