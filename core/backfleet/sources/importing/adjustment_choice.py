"""The rule of adjustment: stated by the user, the preset or the file, or shown by the columns."""

from __future__ import annotations

from collections.abc import Mapping

from backfleet.errors import DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.form import Form
from backfleet.sources.importing.names import normalize, roles_of

__all__ = ["choose_adjustment"]


def choose_adjustment(
    form: Form, columns: Mapping[str, int], choices: ImportChoices
) -> tuple[str, str]:
    """Return the rule of adjustment of a form, and a sentence that says what it does.

    Raises DataError if the columns allow two rules, or lack one that the rule needs.
    """
    rule = choices.adjust or _stated_adjustment(form)
    needed = {"adjusted-close": "adjusted", "factor": "factor", "divided": "factor",
              "preclose": "preclose"}  # fmt: skip
    if rule in needed and needed[rule] not in columns:
        if choices.adjust is None and needed[rule] in roles_of(form.names):
            # The vendor's column is there, but empty.
            return "none", _ADJUSTMENT_WORDS["none"]
        raise DataError(
            f"{form.origin}: row 1: the adjustment {rule!r} needs a column for the {needed[rule]}; "
            f"name it with --column {needed[rule]}=NAME"
        )
    if rule is None:
        rule = _found_adjustment(form, columns)
    return rule, _ADJUSTMENT_WORDS[rule].format(form.name(columns.get(needed.get(rule, ""), 0)))


def _stated_adjustment(form: Form) -> str | None:
    """Return the rule that the preset, one of its columns, or a title in the file states."""
    layout = form.layout
    titles = " ".join(line for part in form.parts[:1] for line in part.preamble)
    # TDX writes the kind of adjustment, forward or backward, into the title above the table.
    if "前复权" in titles or "后复权" in titles:
        return "already-adjusted"
    if layout.adjust_column:
        place = [normalize(name) for name in form.names].index(layout.adjust_column)
        values = {
            # A column of whole numbers with missing values is read as floats.
            str(value).removesuffix(".0")
            for sample in form.samples
            for value in sample.columns[place].unique().to_pylist()
        }
        rules = {layout.adjust_values.get(value, "") for value in values}
        # One rule for all rows: a symbol cannot be raw in some and adjusted in others.
        if len(rules) == 1 and rules != {""}:
            return rules.pop()
        raise DataError(
            f"{form.origin}: {layout.adjust_column} has the values {', '.join(sorted(values))}: "
            f"the kind of adjustment is not one. Import them one by one"
        )
    return layout.adjust


_ADJUSTMENT_WORDS = {
    "adjusted-close": "adjustment: factor = {0} / close, applied to all four prices",
    "factor": "adjustment: factor = {0}, applied to all four prices",
    "divided": "adjustment: the prices are adjusted already; raw price = price / {0}, and raw "
    "volume = volume x {0}",
    "preclose": "adjustment: the factor grows by close before / {0} on each day on which they "
    "differ",
    "events": "adjustment: factor from the dividends and splits",
    "already-adjusted": "adjustment: the prices are adjusted already; raw prices are unknown, so "
    "limits, lots and minimum fees are approximate",
    "none": "adjustment: none known; the prices are taken as they are",
}


def _found_adjustment(form: Form, columns: Mapping[str, int]) -> str:
    if "adjusted" in columns:
        return "adjusted-close"
    # The close itself is named as adjusted, so all prices are taken for adjusted.
    if "adjusted" in roles_of([form.name(columns["close"])]):
        return "already-adjusted"
    if form.shape and not form.shape.closes_only:
        # yfinance writes blocks of columns, adjusted since 0.2.51.
        return "already-adjusted"
    if "factor" in columns:
        raise DataError(
            f"{form.origin}: row 1: the prices may have to be multiplied by "
            f"{form.name(columns['factor'])!r}, or be multiplied already. State it with "
            "--adjust factor (raw prices), --adjust divided (adjusted prices) or --adjust none"
        )
    if "split" in columns and "dividend" in columns:
        # Exports of yfinance's history() have adjusted prices beside their events.
        splits = any(normalize(name) == "stock_splits" for name in form.names)
        if not splits:
            raise DataError(
                f"{form.origin}: row 1: the prices may have to be adjusted by the dividends and "
                "splits, or be adjusted already. State it with --adjust events, --adjust "
                "already-adjusted or --adjust none"
            )
        return "already-adjusted"
    return "none"
