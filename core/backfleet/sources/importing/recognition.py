"""`FormReading`: how one form of file is read, from a preset, from names, and from the values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from backfleet.bar_length import Stamp
from backfleet.console import count_of
from backfleet.errors import DataError
from backfleet.job.job_errors import suggestion
from backfleet.sources.importing.adjustment_choice import choose_adjustment
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.date_choice import choose_form
from backfleet.sources.importing.dates import (
    DateForm,
    descends,
    find_forms,
    join_time,
    read_dates,
)
from backfleet.sources.importing.form import Form
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.names import (
    PRICES,
    affixed_roles,
    normalize,
    roles_of,
)
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.numbers import decimal_mark, is_number, read_numbers
from backfleet.sources.importing.order import find_order
from backfleet.sources.importing.preset import FileLayout
from backfleet.sources.importing.price_columns import complete_prices, has_value
from backfleet.sources.importing.shapes import Shape
from backfleet.sources.importing.volume_units import volume_scale

__all__ = ["FormReading", "date_values", "recognize"]

_OPTIONAL = frozenset({"adjusted", "amount", "factor", "preclose", "dividend", "split"})
"""Roles whose columns say nothing where they are empty."""


@dataclass(frozen=True)
class FormReading:
    """The reading of a form.

    Attributes
    ----------
    columns
        The position of the column of each role.
    dates
        The form of the dates.
    mark
        The decimal mark.
    volume_scale
        The factor of the volume.
    adjust
        The rule of adjustment.
    adjustment
        A sentence that says what the rule does.
    zone
        The zone of times without an offset and of sessions; None if nothing states it.
    stamp
        Whether times are the beginnings or the ends of bars; None if nothing states it.
    skip_rows
        Whether rows with bad prices or volumes are left out.
    """

    layout: FileLayout
    preset: str | None
    columns: Mapping[str, int]
    dates: DateForm
    mark: str = "."
    volume_scale: float = 1.0
    adjust: str = "none"
    adjustment: str = ""
    zone: str | None = None
    stamp: Stamp | None = None
    shape: Shape | None = field(default=None, compare=False)
    skip_rows: bool = False


def recognize(form: Form, choices: ImportChoices, notes: Notes) -> FormReading:
    """Return the reading of a form.

    Raises
    ------
    DataError
        Two readings fit, or none does; the message names the option that decides.
    """
    layout = form.layout
    if form.preset and not layout.sure and not choices.preset:
        notes.assume(
            f"the files look like those of the preset {form.preset}; state it with --from "
            f"{form.preset}"
        )
    elif form.preset:
        notes.tell(f"layout: preset {form.preset}")
    if form.shape is not None:
        columns_of = "a column of closes" if form.shape.closes_only else "columns"
        notes.tell(f"layout: one table with {columns_of} for each symbol")
    for sentence in layout.notes:
        notes.tell(sentence)
    columns = _columns(form, choices, notes)
    # Tables that are joined to bars have no prices, and only their dates and values are read.
    if layout.kind in ("factors", "suspensions", "lean-factors"):
        return FormReading(layout, form.preset, columns, _dates(form, columns, choices, notes))
    # The order matters: dates and numbers can only be read when their columns are known, and
    # volumes only when the decimal mark is.
    complete_prices(form, columns, choices, notes)
    dates = _dates(form, columns, choices, notes)
    mark = _mark(form, columns, choices)
    _check_other_texts(form, columns, choices)
    return FormReading(
        layout,
        form.preset,
        columns,
        dates,
        mark,
        volume_scale(form, columns, mark, choices, notes),
        # The rule and its sentence: `adjust` and `adjustment`.
        *choose_adjustment(form, columns, choices),
        # What the user states overrules the preset. `required` is no zone: the user has to name one
        # if times are intraday.
        choices.timezone or (layout.timezone if layout.timezone != "required" else None),
        choices.stamp or layout.stamp or _stamp_in_name(form.name(columns["date"]), notes),
        form.shape,
        choices.skip_rows,
    )


def _columns(form: Form, choices: ImportChoices, notes: Notes) -> dict[str, int]:
    names = form.layout.names or choices.names or form.names
    if choices.names and len(choices.names) != len(form.samples[0].columns):
        raise DataError(
            f"{form.origin}: --names has {count_of(len(choices.names), 'name')}, and the rows have "
            f"{count_of(len(form.samples[0].columns), 'value')}"
        )
    if not any(names) and not choices.columns:
        return _by_content(form, notes)
    # Positions by role, several if the names of several columns stand for it.
    candidates = roles_of(names)
    if not set(PRICES) & set(candidates):
        candidates |= affixed_roles(names)
    columns: dict[str, int] = {}
    stated = {**form.layout.columns, **choices.columns}
    # The user's names come last in `stated`, and overrule the preset's.
    for role, name in stated.items():
        if name:
            columns[role] = _position(form, names, role, name)
        candidates.pop(role, None)
    used = set(columns.values())
    for role, positions in candidates.items():
        # A price may stand in for another one, such as the close for an open that is not there.
        free = [place for place in positions if place not in used or role in PRICES]
        if role in _OPTIONAL:
            free = [place for place in free if _is_filled(form, place)]
        if free:
            columns[role] = _one_of(form, names, role, free, notes)
    if "date" not in columns:
        columns["date"] = _date_column(form, names, columns)
    if not _is_filled(form, columns["date"]):
        raise DataError(
            f"{form.origin}: row 1: the column {form.name(columns['date'])!r} has no dates. Name "
            "another one with --column date=NAME"
        )
    return columns


def _position(form: Form, names: Sequence[str], role: str, name: str) -> int:
    keys = [normalize(name) for name in names]
    # A preset can name alternatives, as in `a|b`. The first one with a number other than 0 counts.
    if form.preset and "|" in name:
        places = [keys.index(key) for key in name.split("|") if key in keys]
        traded = [i for i in places if any(_has_numbers(s.columns[i]) for s in form.samples)]
        if places:
            return (traded or places)[0]
    if form.preset and name.endswith("*"):
        place = next((i for i, key in enumerate(keys) if key.startswith(name[:-1])), None)
        if place is not None:
            return place
    # The exact name first, since `normalize` can make two names equal.
    for candidates, sought in ((list(names), name), (keys, normalize(name))):
        if sought in candidates:
            return candidates.index(sought)
    raise DataError(
        f"{form.origin}: row 1: there is no column {name!r} for the {role}"
        f"{suggestion(name, list(names))}"
    )


def _one_of(
    form: Form, names: Sequence[str], role: str, positions: Sequence[int], notes: Notes
) -> int:
    """Return the column of a role for which several names stand."""
    # Names of symbols come with the most specific first, such as `ts_code` before `name`.
    if len(positions) == 1 or role == "symbol":
        return positions[0]
    filled = [i for i in positions if _is_filled(form, i)]
    if len(filled) == 1:
        return filled[0]
    if role == "date":
        return _agreeing_dates(form, names, positions)
    # A second volume is often that of the other currency or of another exchange.
    if role == "volume":
        exact = [i for i in positions if normalize(names[i]) == "volume"]
        if len(exact) == 1:
            notes.tell(f"volume: column {names[exact[0]]!r}")
            return exact[0]
    raise _two_columns(form, names, role, positions)


def _is_filled(form: Form, position: int) -> bool:
    return any(has_value(sample.columns[position]) for sample in form.samples)


def _has_numbers(column: Any) -> bool:
    return bool(np.any(np.nan_to_num(read_numbers(column, ".")[0]) != 0))


def _two_columns(
    form: Form, names: Sequence[str], role: str, positions: Sequence[int]
) -> DataError:
    both = " and ".join(repr(names[i] or "(unnamed)") for i in positions)
    # Only a name that no other column has can choose one of them.
    unique = next((names[i] for i in positions if names[i] and names.count(names[i]) == 1), None)
    advice = f"Name one with --column {role}={unique!r}" if unique else "Rename or remove one"
    return DataError(f"{form.origin}: row 1: {both} can both be the {role}. {advice}")


def _agreeing_dates(form: Form, names: Sequence[str], positions: Sequence[int]) -> int:
    """Return one of several columns of times, if all say the same."""
    stamps = []
    for position in positions:
        column = form.samples[0].columns[position]
        forms = find_forms(column)
        if len(forms) == 1:
            stamps.append((position, read_dates(column, forms[0])))
    # A column that holds no dates at all is no candidate.
    if len(stamps) == 1:
        return stamps[0][0]
    if stamps:
        days = [stamp.wall for _, stamp in stamps]
        if all(np.array_equal(days[0], other) for other in days[1:]):
            # Of equal columns, the one with an offset says more.
            zoned = [i for i, stamp in stamps if stamp.offset is not None]
            return (zoned or [stamps[0][0]])[0]
    raise _two_columns(form, names, "date", positions)


def _date_column(form: Form, names: Sequence[str], columns: Mapping[str, int]) -> int:
    """Return the column of dates where no name says so: an unnamed index, or a lone `time`."""
    sample = form.samples[0]
    # A lone `time` can hold whole dates. It keeps its role, and `date_values` does not join it to
    # itself.
    if "time" in columns and find_forms(sample.columns[columns["time"]]):
        return columns["time"]
    used = set(columns.values())
    free = [i for i in range(len(names)) if i not in used and _dates_in(sample.columns[i])]
    unnamed = [i for i in free if not names[i]]
    # A number of any other column can look like an epoch.
    free = [i for i in free if find_forms(sample.columns[i])[0].kind != "epoch"]
    if len(unnamed) == 1 or len(free) == 1:
        return (unnamed or free)[0]
    shown = ", ".join(name or "(unnamed)" for name in names)
    raise DataError(
        f"{form.origin}: row 1: no column is known to hold dates; the columns are {shown}. Name it "
        "with --column date=NAME"
    )


def _dates_in(column: Any) -> bool:
    return bool(find_forms(column))


def _by_content(form: Form, notes: Notes) -> dict[str, int]:
    """Return the columns of files without a header, from the values alone."""
    sample = form.samples[0]
    columns: dict[str, int] = {}
    rest: list[int] = []
    for position, column in enumerate(sample.columns):
        # The first column that can be dates is taken for them; what follows it can be a time of
        # day.
        if "date" not in columns and _first_value(column) and find_forms(column):
            columns["date"] = position
        elif "date" in columns and position == columns["date"] + 1 and _is_clock(column):
            columns["time"] = position
        elif bool(read_numbers(column, ".")[1].all()) and has_value(column):
            rest.append(position)
        elif "symbol" not in columns and _may_be_symbols(column):
            columns["symbol"] = position
    numbers = [read_numbers(sample.columns[i], ".")[0] for i in rest]
    # `find_order` compares a row with the one before in time.
    if "date" in columns and descends(sample.columns[columns["date"]]):
        numbers = [values[::-1] for values in numbers]
    roles = find_order(numbers) if "date" in columns else None
    if roles is None:
        raise DataError(
            f"{form.origin}: row 1: the file does not name its columns, and the values do not "
            "prove which is which. Name them with --names, such as --names "
            "date,open,high,low,close,volume, or with --from PRESET"
        )
    # Columns that are no prices and no volume have no role.
    columns |= {role: rest[place] for place, role in enumerate(roles) if role}
    order = ", ".join(sorted(columns, key=lambda role: columns[role]))
    notes.assume(f"the columns, which have no names, are {order}; state them with --names")
    return columns


def _may_be_symbols(column: Any) -> bool:
    texts = [text for text in column.cast(pa.string()).to_pylist() if text]
    return bool(texts) and not any(map(is_number, texts))


def _first_value(column: Any) -> bool:
    return len(column) > 0 and column[0].as_py() is not None


def _is_clock(column: Any) -> bool:
    if not pa.types.is_string(column.type):
        return False
    return all(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text or "") for text in column.to_pylist())


def _dates(
    form: Form, columns: Mapping[str, int], choices: ImportChoices, notes: Notes
) -> DateForm:
    joined = [date_values(sample, columns) for sample in form.samples]
    symbols = [
        sample.columns[columns["symbol"]] if "symbol" in columns else None
        for sample in form.samples
    ]
    stated = choices.date_format or form.layout.date_format
    return choose_form(form.samples, joined, symbols, stated, notes)


def _stamp_in_name(name: str, notes: Notes) -> Stamp | None:
    """Return what the name of the times says of them, as `close_time` does."""
    # `closeTime` and `close_time` become two words; `closed` is another word.
    words = re.findall("[a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower())
    if not {"close", "end"} & set(words):
        return None
    notes.tell(f"times are the ends of the bars, as their name {name!r} says")
    return "close"


def date_values(frame: Frame, columns: Mapping[str, int]) -> Any:
    """Return the column of dates, with the time of day if that is a column of its own."""
    date = frame.columns[columns["date"]]
    if "time" in columns and columns["time"] != columns["date"]:
        return join_time(date, frame.columns[columns["time"]])
    return date


def _mark(form: Form, columns: Mapping[str, int], choices: ImportChoices) -> str:
    if choices.decimal:
        return "," if choices.decimal == "comma" else "."
    values = [
        text
        for sample in form.samples
        for role in PRICES
        if pa.types.is_string(sample.columns[columns[role]].type)
        for text in sample.columns[columns[role]].to_pylist()
        if text
    ]
    # Only texts have a mark; typed numbers have been read by their container.
    mark = decimal_mark(values, _other_texts(form, columns))
    if mark is None:
        shown = next(value for value in values if "," in value)
        raise DataError(
            f"{form.origin}: {shown!r} has a comma for thousands or for decimals, and no price "
            "decides. State it with --decimal point or --decimal comma"
        )
    return mark


def _other_texts(form: Form, columns: Mapping[str, int]) -> list[str]:
    """Return the cells of the columns that have no prices, such as changes in percent."""
    prices = {columns[role] for role in PRICES}
    return [
        text
        # One sample is enough to show how a vendor writes its other numbers.
        for sample in form.samples[:1]
        for position, column in enumerate(sample.columns)
        if position not in prices and pa.types.is_string(column.type)
        for text in column.to_pylist()
        if text
    ]


def _check_other_texts(form: Form, columns: Mapping[str, int], choices: ImportChoices) -> None:
    """Refuse a column of text that changes along the rows: its values may be symbols."""
    # A preset knows what the columns of its vendor are.
    if "symbol" in columns or form.preset:
        return
    ignored = {normalize(name) for role, name in choices.columns.items() if role == "symbol"}
    for sample in form.samples:
        for position, column in enumerate(sample.columns):
            name = form.names[position] if position < len(form.names) else ""
            if position in columns.values() or normalize(name) in ignored:
                continue
            # `--column symbol=` with an empty name says that no column has symbols.
            if "symbol" in choices.columns or not _groups_rows(column):
                continue
            values = column.unique().to_pylist()
            raise DataError(
                f"{sample.origin}: column {name!r} has {len(values)} values, such as "
                f"{values[0]!r} and {values[-1]!r}. If they are symbols, say --column "
                f"symbol={name}; if not, say --column symbol="
            )


def _groups_rows(column: Any) -> bool:
    """Whether a column of text has a few values, each in one run of rows."""
    if not pa.types.is_string(column.type) or column.null_count == len(column):
        return False
    # Numbers and dates repeat in runs, too, such as a year or a contract's expiry.
    if bool(read_numbers(column, ".")[1].all()) or find_forms(column):
        return False
    values = column.to_pylist()
    distinct = len(set(values))
    runs = 1 + sum(a != b for a, b in pairwise(values))
    # Few values, each in one piece, as when files of several symbols were put together. Values that
    # return belong to the rows.
    return 1 < distinct <= len(values) // 3 and runs == distinct
