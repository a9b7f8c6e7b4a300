"""Reads `Facts` from the tables `instruments`, `spans` and `actions`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

from backfleet.errors import DataError
from backfleet.facts import Action, Facts, Span, SymbolFacts
from backfleet.sources.fact_table import FactRow, read_fact_rows, table_files
from backfleet.sources.locations import location_at

__all__ = ["fact_files", "read_facts"]

FACTS_PATH = "the path of the facts, data.facts"
INSTRUMENTS = (
    *("symbol", "listed", "delisted", "board", "kind", "issue_price", "t0"),
    *("step", "least"),
)
SPANS = ("symbol", "what", "from", "to")
ACTIONS = (
    *("symbol", "ex", "cash", "bonus", "capital", "rights", "rights_price"),
    *("pay", "listing"),
)


def read_facts(path: str, only: Collection[str] | None = None) -> Facts:
    """Read the tables of facts in a folder or under an `s3://` URL.

    Parameters
    ----------
    path
        Holds `instruments.csv`, and `spans.csv` and `actions.csv` if there is such a history; each
        can be `.parquet` instead.
    only
        Read the facts about these symbols, which is faster; whatever is wrong with other rows is
        not noticed. All symbols if None.

    Raises
    ------
    DataError
        A table or column is missing, unknown or there twice, a value is none of its kind, two spans
        of one state overlap, an action lies before the listing, or a span or an action is that of a
        symbol without a row in `instruments`. The message names the file, the row and the value.
    """
    location = location_at(path, FACTS_PATH)
    rows = read_fact_rows(location, path, "instruments", INSTRUMENTS, only)
    if rows is None:
        raise DataError(
            f"{path}: there is no instruments.csv or instruments.parquet in it; each symbol needs "
            "a row there"
        )
    symbols = _instruments(rows)
    # All rows are read, not only those of the job's symbols: a state of any symbol counts for all.
    spans = _with_spans(symbols, read_fact_rows(location, path, "spans", SPANS) or [], only)
    actions = read_fact_rows(location, path, "actions", ACTIONS, only)
    return Facts(
        # Without the table, actions stay None, which is unknown; with it, a symbol without a row
        # has none.
        path,
        MappingProxyType(spans if actions is None else _with_actions(spans, actions)),
    )


def fact_files(path: str) -> dict[str, bytes]:
    """Return the files of the tables at a location, by their names. Raises DataError."""
    location = location_at(path, FACTS_PATH)
    there = location.names()
    tables = ("instruments", "spans", "actions")
    return {name: location.read(name) for table in tables for name in table_files(table, there)}


def _instruments(rows: Sequence[FactRow]) -> dict[str, SymbolFacts]:
    symbols: dict[str, SymbolFacts] = {}
    for row in rows:
        symbol = row.need("symbol")
        if symbol in symbols:
            raise row.refusal(f"symbol = {symbol!r} has a row above; remove one of them")
        facts = SymbolFacts(
            symbol=symbol,
            listed=row.day("listed"),
            delisted=row.day("delisted"),
            board=row.text("board"),
            kind=row.text("kind"),
            issue_price=row.number_of("issue_price"),
            same_session=row.flag("t0"),
            step=row.number_of("step"),
            least=row.number_of("least"),
        )
        # An empty cell is None, so this zero was written.
        if facts.step == 0.0:
            raise row.refusal("step = '0' must be above 0; leave it empty if it is unknown")
        if facts.listed and facts.delisted and facts.delisted <= facts.listed:
            raise row.refusal(
                f"delisted = '{facts.delisted}' is not after listed = '{facts.listed}'; correct one"
            )
        symbols[symbol] = facts
    return symbols


def _with_spans(
    symbols: Mapping[str, SymbolFacts], rows: Sequence[FactRow], only: Collection[str] | None
) -> dict[str, SymbolFacts]:
    """Add the spans. A state with a span of any symbol has a history for all of them."""
    # Before the filter: whether a state has a history must not depend on the symbols of the job.
    states = sorted({row.need("what") for row in rows})
    if only is not None:
        rows = [row for row in rows if row.text("symbol") in only]
    kept: dict[str, dict[str, list[tuple[Span, FactRow]]]] = {}
    for symbol, row in _of_known(symbols, rows):
        state = row.need("what")
        kept.setdefault(symbol, {}).setdefault(state, []).append((_span(row), row))
    return {
        symbol: replace(
            facts,
            spans=MappingProxyType(
                {state: _apart(kept.get(symbol, {}).get(state, [])) for state in states}
            ),
        )
        for symbol, facts in symbols.items()
    }


def _span(row: FactRow) -> Span:
    row.need("from")
    first, end = row.day("from"), row.day("to")
    assert first is not None
    if end is not None and end <= first:
        raise row.refusal(
            f"to = '{end}' is not after from = '{first}'; to is the first day after the span"
        )
    return first, end


def _apart(spans: list[tuple[Span, FactRow]]) -> tuple[Span, ...]:
    """Return the spans in their order. Raises DataError if two overlap."""
    # By the first day alone: rows cannot be compared, and neither can a missing last day.
    spans.sort(key=lambda span: span[0][0])
    for ((first, end), row), ((later, _), overlapping) in pairwise(spans):
        if end is None or later < end:
            raise overlapping.refusal(
                f"from = '{later}' lies in the span of row {row.number}, from '{first}' to "
                f"'{end or 'today'}', of the same symbol and state; end that one earlier"
            )
    return tuple(span for span, _ in spans)


def _with_actions(
    symbols: Mapping[str, SymbolFacts], rows: Sequence[FactRow]
) -> dict[str, SymbolFacts]:
    kept: dict[str, list[Action]] = {symbol: [] for symbol in symbols}
    for symbol, row in _of_known(symbols, rows):
        kept[symbol].append(_action(row, symbols[symbol]))
    return {
        symbol: replace(facts, actions=tuple(sorted(kept[symbol], key=lambda action: action.ex)))
        for symbol, facts in symbols.items()
    }


def _action(row: FactRow, facts: SymbolFacts) -> Action:
    row.need("ex")
    ex = row.day("ex")
    assert ex is not None
    if facts.listed is not None and ex < facts.listed:
        raise row.refusal(
            f"ex = '{ex}' is before the listing of {facts.symbol} on {facts.listed}; remove the "
            "row, or correct listed in the table instruments"
        )
    rights, price = row.number_of("rights") or 0.0, row.number_of("rights_price")
    if rights and price is None:
        raise row.refusal(f"rights = {rights:g} need a rights_price; fill it in")
    return Action(
        ex=ex,
        cash=row.number_of("cash") or 0.0,
        bonus=row.number_of("bonus") or 0.0,
        capital=row.number_of("capital") or 0.0,
        rights=rights,
        rights_price=price,
        pay=row.day("pay"),
        listing=row.day("listing"),
    )


def _of_known(
    symbols: Mapping[str, SymbolFacts], rows: Sequence[FactRow]
) -> Iterator[tuple[str, FactRow]]:
    """Yield the symbol of each row. Raises DataError if it has no row in `instruments`."""
    for row in rows:
        symbol = row.need("symbol")
        if symbol not in symbols:
            raise row.refusal(
                f"symbol = {symbol!r} has no row in the table instruments; add one there"
            )
        yield symbol, row
