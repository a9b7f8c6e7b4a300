"""Choosing the form of the dates: one reading must fit, or one must be proved by the order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from backfleet.bar_length import DAY_NS
from backfleet.errors import DataError
from backfleet.job.job_errors import suggestion
from backfleet.sources.date_format import why_impossible
from backfleet.sources.importing.dates import (
    DateForm,
    Stamps,
    epoch_units,
    find_forms,
    read_dates,
)
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.notes import Notes

__all__ = ["choose_form", "day_names"]

MIN_WEEKEND_SHARE = 0.05
_STATED = {
    "day-first": DateForm("dmy"),
    "month-first": DateForm("mdy"),
    "year-first": DateForm("yymd"),
    "day-ms": DateForm("dayms"),
    "roc": DateForm("roc"),
    "excel": DateForm("serial"),
    **{unit: DateForm("epoch", unit) for unit in ("s", "ms", "us", "ns")},
}


def choose_form(
    samples: Sequence[Frame],
    columns: Sequence[Any],
    symbols: Sequence[Any],
    stated: str | None,
    notes: Notes,
) -> DateForm:
    """Return the form of the dates of some samples.

    Raises
    ------
    DataError
        No form fits, or two do; the message shows the first value that decides.
    """
    if stated is not None:
        return _stated_form(stated)
    forms: list[DateForm] | None = None
    for sample, column in zip(samples, columns, strict=True):
        # All rows of a sample have to fit, and all samples: one row that is no date in a form rules
        # it out.
        here = find_forms(_filled(column))
        if not here:
            raise _no_form(sample, column)
        forms = here if forms is None else [form for form in forms if form in here]
    if not forms:
        raise DataError(
            f"{samples[0].origin}: the dates of the files have different forms. Import the files "
            "of each form on their own"
        )
    # 202401020930 is a date with a time, although it would be an epoch in milliseconds of 1976.
    if len(forms) == 1 or forms[0].kind == "digits":
        _tell_units(columns[0], forms[0], notes)
        return forms[0]
    return _by_evidence(samples, columns, symbols, forms, notes)


def _stated_form(stated: str) -> DateForm:
    """Return the form that the user or the preset states. Raises DataError for an unknown name."""
    form = _STATED.get(stated)
    if form is None and "%" not in stated:
        hint = suggestion(stated, _STATED)
        raise DataError(
            f"--date-format {stated!r} is neither a name nor a format such as '%Y-%m-%d'{hint}"
        )
    return form or DateForm("format", stated)


def _filled(column: Any) -> Any:
    """Return a column without its missing values: their rows are judged later."""
    filled = column.drop_null()
    if pa.types.is_string(filled.type):
        filled = filled.filter(pa.compute.not_equal(filled, ""))
    return filled


def _no_form(sample: Frame, column: Any) -> DataError:
    values = column.cast(pa.string()).to_pylist()
    shown = next((value for value in values if value), "")
    # The form in which most rows are dates shows the row that is wrong, not only the first one.
    best = max(
        (read_dates(column.cast(pa.string()), DateForm(kind)) for kind in ("ymd", "dmy", "mdy")),
        key=lambda stamps: int(stamps.valid.sum()),
    )
    row = int(np.argmin(best.valid)) if best.valid.any() and not best.valid.all() else 0
    shown = values[row] or shown
    impossible = why_impossible(shown)
    if impossible:
        return sample.refusal(
            row, f"the date is {shown!r}, {impossible}; correct or remove the row"
        )
    hint = "give --date-format, such as '%Y-%m-%d'"
    # Understood alone, but not beside the others.
    if best.offset is not None and read_dates(pa.array([shown]), DateForm("ymd")).valid[0]:
        hint = "it lacks the offset from UTC that other rows have"
    elif re.fullmatch(r"\d+(\.0*)?", shown):
        hint = (
            "it has 8 digits, but is not year, month and day: give --date-format, such as %d%m%Y"
            if re.fullmatch(r"\d{8}", shown)
            else "a number this small is not a date since 1970: name the column of the dates with "
            "--column date=NAME, or the unit with --date-format s, ms, us, ns or excel"
        )
    elif re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", shown.strip()) and best.valid.any():
        hint = "it is a time without a day, as of today's unfinished bar: remove the row"
    return sample.refusal(row, f"the date is {shown!r}, which is not understood; {hint}")


def _tell_units(column: Any, form: DateForm, notes: Notes) -> None:
    if form.kind in ("roc", "yymd"):
        notes.tell(f"dates: {form.words}")
    if form.kind != "epoch":
        return
    runs = epoch_units(_filled(column))
    words = [f"epoch in {runs[0][1]}"] if runs else []
    words += [f"in {unit} from row {row + 1}" for row, unit in runs[1:4]]
    notes.tell("dates: " + ", ".join(words))


def _by_evidence(
    samples: Sequence[Frame],
    columns: Sequence[Any],
    symbols: Sequence[Any],
    forms: Sequence[DateForm],
    notes: Notes,
) -> DateForm:
    readings = [[read_dates(_filled(column), form) for column in columns] for form in forms]
    # In dates with points the day comes first, as in German and Russian.
    points = all("." in (text or "") for text in columns[0].cast(pa.string()).to_pylist()[:50])
    if points and forms[0].kind == "dmy":
        notes.tell("dates: day first, as points between the numbers mean")
        return forms[0]
    # Such as 03/03/2024 in all rows: it does not matter which reading is right.
    if _equal(readings):
        return forms[0]
    # Files are in order of time, one way or the other. Exchanged days and months break it.
    ordered = [
        all(_is_ordered(s, symbol) for s, symbol in zip(reading, symbols, strict=True))
        for reading in readings
    ]
    if sum(ordered) == 1:
        form = forms[ordered.index(True)]
        notes.assume(
            f"dates: {form.words}, the only reading in which they are in order; state it with "
            f"--date-format {_option(form)}"
        )
        return form
    weekends = [_weekend_share(reading) for reading in readings]
    quiet = [share == 0 for share in weekends]
    # A market that never rests has weekends in both readings, so that none is quiet. Few days prove
    # nothing: the other reading must have a number of weekends.
    if sum(quiet) == 1 and min(s for s in weekends if s > 0) >= MIN_WEEKEND_SHARE:
        form = forms[quiet.index(True)]
        notes.assume(
            f"dates: {form.words}, the only reading without weekends; state it with --date-format "
            f"{_option(form)}"
        )
        return form
    raise _two_readings(samples[0], columns[0], forms, [reading[0] for reading in readings])


def _equal(readings: Sequence[Sequence[Stamps]]) -> bool:
    first = readings[0]
    return all(
        np.array_equal(a.wall, b.wall)
        for other in readings[1:]
        for a, b in zip(first, other, strict=True)
    )


def _is_ordered(stamps: Stamps, symbols: Any) -> bool:
    if symbols is None or len(symbols) != len(stamps.wall):
        steps = np.diff(stamps.wall)
        return bool(np.all(steps >= 0) or np.all(steps <= 0))
    # In a long file each symbol is in order, and the file as a whole need not be.
    values = np.asarray(symbols.cast(pa.string()).to_pylist(), dtype=object)
    groups = (stamps.wall[values == name] for name in dict.fromkeys(values))
    every = [np.diff(group) for group in groups]
    return all(bool(np.all(step > 0)) for step in every) or all(
        bool(np.all(step < 0)) for step in every
    )


def _weekend_share(stamps: Sequence[Stamps]) -> float:
    days = np.concatenate([stamp.wall // DAY_NS for stamp in stamps])
    # Day 0, 1970-01-01, was a Thursday; 5 and 6 are the weekend.
    return float(np.mean((days + 3) % 7 >= 5))


def _option(form: DateForm) -> str:
    return {"dmy": "day-first", "mdy": "month-first", "yymd": "year-first"}.get(
        form.kind, form.kind
    )


def _two_readings(
    sample: Frame, column: Any, forms: Sequence[DateForm], stamps: Sequence[Stamps]
) -> DataError:
    row = int(np.argmax(stamps[0].wall != stamps[1].wall))
    text = _filled(column).cast(pa.string())[row].as_py()
    days = [day_names(stamp.wall[row : row + 1])[0] for stamp in stamps[:2]]
    return sample.refusal(
        row,
        f"the date {text!r} is {days[0]} with the {forms[0].words} and {days[1]} with the "
        f"{forms[1].words}, and no row decides. State the date_format with --date-format "
        f"{_option(forms[0])} or --date-format {_option(forms[1])}",
    )


def day_names(wall: Any) -> list[str]:
    """Return days in ISO 8601."""
    return [str(day) for day in (np.asarray(wall) // DAY_NS).astype("M8[D]")]
