"""The unit of the volume: stated, or proved by the traded amounts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from backfleet.errors import DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.form import Form
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.numbers import read_numbers

__all__ = ["volume_scale"]

AMOUNT_RATIOS = {1.0: 1.0, 100.0: 100.0, 0.1: 100.0, 0.01: 100.0, 1e-4: 1.0, 1e-6: 1.0}
"""Median of amount / (volume x close), and the shares in one unit of volume: amounts are in units
of money, thousands, ten thousands or millions."""


def volume_scale(
    form: Form, columns: Mapping[str, int], mark: str, choices: ImportChoices, notes: Notes
) -> float:
    """Return the number of shares in one unit of volume.

    Raises
    ------
    DataError
        The volume is an amount of money, or the preset's unit contradicts the amounts.
    """
    if "volume" not in columns:
        notes.tell("the files have no volume: it is unknown, not 0")
        return 1.0
    if "amount" in columns and "volume" not in choices.columns:
        _check_roles(form, columns, mark)
    # After the roles are checked: a unit does not make an amount a volume.
    if choices.volume_unit is not None:
        return choices.volume_unit
    name = form.name(columns["volume"])
    ratio = _amount_ratio(form, columns, mark) if "amount" in columns else None
    stated = form.layout.volume_scale
    # Within a tenth: the close stands in for the average price of the day.
    fitting = next(
        (
            scale
            for center, scale in AMOUNT_RATIOS.items()
            if ratio and abs(ratio / center - 1) < 0.1
        ),
        None,
    )
    scale = stated if stated is not None else fitting if fitting is not None else 1.0
    if stated is not None and fitting is not None and fitting != stated:
        raise DataError(
            f"{form.origin}: the preset {form.preset} says that one unit of volume is {stated:g} "
            f"shares, and the amounts say {fitting:g}. State it with --volume-unit"
        )
    if scale != 1:
        notes.tell(f"{name!r} is the volume, in lots of {scale:g}")
    elif form.preset is None and _is_east_money(form, columns):
        notes.assume(
            f"{name!r} is the volume in shares; exports of East Money in this order of columns "
            "have lots; state it with --volume-unit 1 or --volume-unit 100"
        )
    elif form.preset is None and "amount" not in columns and _has_chinese_code(form):
        notes.tell(
            f"{name!r} is taken for shares; if one unit of it is a lot of 100 shares, say "
            "--volume-unit 100"
        )
    if form.layout.volume_unit:
        notes.tell(f"{name!r} is the volume, in {form.layout.volume_unit}")
    return scale


def _check_roles(form: Form, columns: Mapping[str, int], mark: str) -> None:
    """Refuse volumes that are amounts of money, while the amounts are volumes.

    Some exchanges name the volume by the currency in which prices are.
    """
    swapped = {**columns, "volume": columns["amount"], "amount": columns["volume"]}
    if _is_one(_amount_ratios(form, columns, mark)) or not _is_one(
        _amount_ratios(form, swapped, mark)
    ):
        return
    volume, amount = form.name(columns["volume"]), form.name(columns["amount"])
    raise DataError(
        f"{form.origin}: row 1: {volume!r} is {amount!r} times the close, so that it is an amount "
        f"of money, and {amount!r} is the volume. State it with --column volume={amount!r} "
        f"--column amount={volume!r}"
    )


def _is_one(ratios: Sequence[float]) -> bool:
    return bool(ratios) and all(abs(ratio - 1) < 0.1 for ratio in ratios)


def _is_east_money(form: Form, columns: Mapping[str, int]) -> bool:
    # Exports of East Money have their columns in this order.
    order = [columns[role] for role in ("open", "close", "high", "low", "volume")]
    return order == sorted(order) and _has_chinese_code(form) and "amount" not in columns


def _has_chinese_code(form: Form) -> bool:
    return bool(re.search(r"(?<!\d)[03689]\d{5}(?!\d)", form.parts[0].path))


def _amount_ratio(form: Form, columns: Mapping[str, int], mark: str) -> float | None:
    ratios = _amount_ratios(form, columns, mark)
    return min(ratios, key=lambda r: min(abs(np.log10(r / c)) for c in AMOUNT_RATIOS), default=None)


def _amount_ratios(form: Form, columns: Mapping[str, int], mark: str) -> list[float]:
    """Return amount / (volume x close) at both ends of each sample."""
    ratios: list[float] = []
    for sample in form.samples:
        volume, amount, close = (
            read_numbers(sample.columns[columns[role]], mark)[0]
            for role in ("volume", "amount", "close")
        )
        traded = np.flatnonzero((volume > 0) & (amount > 0) & (close > 0))
        if len(traded):
            # Forward-adjusted prices equal the raw ones in the newest rows, at one of the ends.
            every = amount[traded] / (volume[traded] * close[traded])
            ratios += [float(np.median(every[:20])), float(np.median(every[-20:]))]
    return ratios
