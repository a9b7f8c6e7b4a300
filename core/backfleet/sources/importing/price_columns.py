"""Prices whose columns have no known names, and files that have closes only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backfleet.errors import DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.dates import descends, find_forms
from backfleet.sources.importing.form import Form
from backfleet.sources.importing.names import PRICES, price_families
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.numbers import read_numbers
from backfleet.sources.importing.order import find_prices

__all__ = ["complete_prices", "has_value"]


def has_value(column: Any) -> bool:
    """Whether any cell of a column is filled."""
    return bool(column.null_count < len(column))


def complete_prices(
    form: Form, columns: dict[str, int], choices: ImportChoices, notes: Notes
) -> None:
    """Add the columns of prices that names do not tell.

    Raises
    ------
    DataError
        Prices are missing; the message names the options that state their columns.
    """
    if not set(PRICES) & set(columns):
        columns |= _only_price(form, columns)
    missing = [role for role in PRICES if role not in columns]
    if not missing:
        return
    # With some of them, the others are probably there under a name that is not known.
    if missing != ["open", "high", "low"]:
        raise _no_prices(form, columns, missing)
    words = "open, high and low are the close"
    words += "" if "volume" in columns else ", and the volume is unknown"
    if choices.preset:
        notes.tell(f"closes only: {words}")
    elif form.shape:
        notes.assume(f"each column is the closes of one symbol: {words}; say --from wide")
    else:
        notes.assume(
            f"closes only, in {form.name(columns['close'])!r}: {words}; say "
            f"{_as_close(form, columns, missing)}"
        )
    for role in missing:
        columns[role] = columns["close"]


def _only_price(form: Form, columns: dict[str, int]) -> dict[str, int]:
    """Return the close of a table whose only price is adjusted, or has a name of its own."""
    sample = form.samples[0]
    prices = [i for i in range(len(sample.columns)) if _may_be_price(form, columns, i)]
    # The adjusted close becomes the close, so that no adjustment is left to apply.
    if not prices and "adjusted" in columns:
        prices = [columns.pop("adjusted")]
    return {"close": prices[0]} if len(prices) == 1 else {}


def _may_be_price(form: Form, columns: Mapping[str, int], position: int) -> bool:
    """Whether a column is named, has no role, and has numbers that are no row numbers."""
    column = form.samples[0].columns[position]
    if position in columns.values() or not form.name(position) or not has_value(column):
        return False
    return any(bool(read_numbers(column, mark)[1].all()) for mark in ".,")


def _no_prices(form: Form, columns: Mapping[str, int], missing: Sequence[str]) -> DataError:
    names = form.layout.names or form.names
    shown = ", ".join(name or "(unnamed)" for name in names)
    family = next(iter(price_families(names).values()), None)
    family = family or _proved_prices(form, columns)
    options = " ".join(
        f"--column {role}={'NAME' if family is None else repr(names[family[role]])}"
        for role in missing
    )
    instead = ""
    if "close" in columns and {"high", "low"} <= set(missing):
        others = [role for role in PRICES if role != "close"]
        instead = f", or read closes only with {_as_close(form, columns, others)}"
    return DataError(
        f"{form.origin}: row 1: there is no column for the {', '.join(missing)}; the columns are "
        f"{shown}. Name {'it' if len(missing) == 1 else 'them'} with {options}{instead}"
    )


def _as_close(form: Form, columns: Mapping[str, int], roles: Sequence[str]) -> str:
    """Return the options that read other prices from the column of the closes."""
    return " ".join(f"--column {role}={form.name(columns['close'])!r}" for role in roles)


def _proved_prices(form: Form, columns: Mapping[str, int]) -> dict[str, int] | None:
    """Return the columns of prices of unknown names, if the values prove them."""
    sample = form.samples[0]
    free = [i for i in range(len(sample.columns)) if _may_be_price(form, columns, i)]
    free = sorted([*free, *(columns[role] for role in PRICES if role in columns)])
    for mark in ".,":
        numbers = [read_numbers(sample.columns[i], mark)[0] for i in free]
        if find_forms(sample.columns[columns["date"]]) and descends(
            sample.columns[columns["date"]]
        ):
            numbers = [values[::-1] for values in numbers]
        places = find_prices(numbers)
        if places:
            return {role: free[place] for role, place in places.items()}
    return None
