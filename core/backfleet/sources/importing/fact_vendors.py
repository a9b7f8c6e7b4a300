"""Facts in the tables of tushare and baostock, as rows of `instruments`, `spans` and `actions`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import zip_longest

from backfleet.sources.importing.fact_members import member_spans
from backfleet.sources.importing.fact_tables import ST_BARS, VendorRow
from backfleet.sources.importing.notes import Notes, counted_rows

__all__ = ["FactTables", "Row", "convert_facts"]

Row = dict[str, str]
Tables = Mapping[str, Sequence[VendorRow]]

ST_NAME = re.compile(r"S?\*?ST")
"""How names begin under special treatment, before and after the share reform."""

STATES = (ST, DELISTING) = ("st", "delisting")
IMPLEMENTED = "实施"
BOARDS = {
    "主板": "main", "中小板": "main", "创业板": "chinext", "科创板": "star", "北交所": "beijing",
}  # fmt: skip
ACTION_COLUMNS = ("symbol", "ex", "cash", "bonus", "capital", "pay", "listing", "source")
KINDS = {"1": "stock", "2": "index", "4": "convertible", "5": "fund"}


@dataclass
class FactTables:
    """The rows of backfleet's tables, by their symbols; None for a table that there is not."""

    instruments: dict[str, Row] = field(default_factory=dict)
    listed: dict[str, date | None] = field(default_factory=dict)
    spans: list[Row] | None = None
    members: list[Row] | None = None
    actions: list[Row] | None = None


@dataclass(frozen=True)
class _Amounts:
    """The columns of a vendor that describe a corporate action."""

    source: str
    code: str
    ex: str
    cash: str
    bonus: str
    capital: str
    pay: str
    listing: str


TUSHARE = _Amounts(
    "tushare dividend", "ts_code", "ex_date", "cash_div_tax", "stk_bo_rate", "stk_co_rate",
    "pay_date", "div_listdate",
)  # fmt: skip
BAOSTOCK = _Amounts(
    "baostock query_dividend_data", "code", "dividOperateDate", "dividCashPsBeforeTax",
    "dividStocksPs", "dividReserveToStockPs", "dividPayDate", "dividStockMarketDate",
)  # fmt: skip


def convert_facts(vendor: str, tables: Tables, notes: Notes) -> FactTables:
    """Return the facts in the tables of a vendor; symbols are as the vendor names them.

    Raises DataError, with the file and the row, for what is missing or contradicts itself.
    """
    facts = FactTables()
    if vendor == "tushare":
        _instruments(facts, tables.get("stock_basic", ()), "ts_code", _of_tushare)
        for row in tables.get("new_share", ()):
            _add_issue_price(facts, row, notes)
        if "namechange" in tables:
            facts.spans = list(_spans(facts, tables["namechange"], notes))
        if "index_weight" in tables:
            facts.members = list(_members(facts, tables["index_weight"], notes))
        if "dividend" in tables:
            done = [row for row in tables["dividend"] if row.text("div_proc") == IMPLEMENTED]
            _tell(notes, len(tables["dividend"]) - len(done), "of dividend are only proposals")
            facts.actions = list(_actions(facts, done, TUSHARE, notes))
    else:
        _instruments(facts, tables.get("query_stock_basic", ()), "code", _of_baostock)
        if ST_BARS in tables:
            facts.spans = list(_spans_of_bars(facts, tables[ST_BARS], notes))
        if "query_dividend_data" in tables:
            facts.actions = list(_actions(facts, tables["query_dividend_data"], BAOSTOCK, notes))
    return facts


def _tell(notes: Notes, count: int, what: str) -> None:
    if count:
        notes.tell(f"{counted_rows(count, what)}: left out")


def _of_tushare(row: VendorRow) -> Row:
    return {
        "listed": _iso(row.day("list_date")),
        "delisted": _iso(row.day("delist_date")),
        "board": BOARDS.get(row.text("market") or "", ""),
        "kind": "stock",
        "source": "tushare stock_basic",
    }


def _of_baostock(row: VendorRow) -> Row:
    return {
        "listed": _iso(row.day("ipoDate")),
        "delisted": _iso(row.day("outDate")),
        "kind": KINDS.get(row.text("type") or "", ""),
        "source": "baostock query_stock_basic",
    }


def _instruments(
    facts: FactTables, rows: Iterable[VendorRow], code: str, of_row: Callable[[VendorRow], Row]
) -> None:
    for row in rows:
        symbol, values = row.need(code), of_row(row)
        # Downloads of several lists overlap; equal rows count once.
        if facts.instruments.setdefault(symbol, values) != values:
            raise row.refusal(f"{code} = {symbol!r} has a row above that differs; remove one")
        listed, delisted = values["listed"], values["delisted"]
        # Days in ISO 8601 are in the order of their texts.
        if listed and delisted and delisted <= listed:
            raise row.refusal(
                f"{symbol} was delisted on {delisted}, not after {listed}; correct it"
            )
        facts.listed[symbol] = date.fromisoformat(listed) if listed else None


def _add_issue_price(facts: FactTables, row: VendorRow, notes: Notes) -> None:
    price, symbol = row.number_of("price"), row.need("ts_code")
    if symbol not in facts.instruments:
        notes.count("of new_share without a row in stock_basic are left out", 1, symbol)
    elif price:
        instrument = facts.instruments[symbol]
        instrument["issue_price"] = repr(price)
        instrument["source"] = "tushare stock_basic, new_share"


def _check_known(facts: FactTables, row: VendorRow, code: str) -> str:
    """Return the symbol of a row. Raises DataError if nothing else is known of it."""
    symbol = row.need(code)
    if symbol not in facts.instruments:
        raise row.refusal(
            f"{code} = {symbol!r} has no row in the table of instruments. Download that table with "
            "delisted symbols, too (tushare: stock_basic with list_status L, D and P)"
        )
    return symbol


def _spans(facts: FactTables, rows: Iterable[VendorRow], notes: Notes) -> Iterator[Row]:
    """Yield the spans of special treatment and of delisting periods, which names tell."""
    names: dict[str, dict[date, VendorRow]] = {}
    for row in rows:
        symbol = _check_known(facts, row, "ts_code")
        row.need("start_date")
        first = row.day("start_date")
        assert first is not None
        other = names.setdefault(symbol, {}).setdefault(first, row)
        # Two names from one day on are harmless if they tell the same states.
        if _states(other.need("name")) != _states(row.need("name")):
            raise row.refusal(
                f"name = {row.need('name')!r} begins on {first} as {other.need('name')!r} in row "
                f"{other.number} does. Remove one of them"
            )
        # Of two rows from one day on, the one that lasts longer counts.
        if (row.day("end_date") or date.max) > (other.day("end_date") or date.max):
            names[symbol][first] = row
    for symbol in sorted(names):
        yield from _spans_of(symbol, sorted(names[symbol].items()), notes)
    _tell_without_names(facts, names, notes)


def _spans_of(symbol: str, names: Sequence[tuple[date, VendorRow]], notes: Notes) -> Iterator[Row]:
    """Yield the spans of one symbol, whose names are sorted by their first days."""
    spans: list[tuple[date, date | None, frozenset[str]]] = []
    for (first, row), following in zip_longest(names, names[1:]):
        last = row.day("end_date")
        # The last day of a name is inclusive, and spans end on the day after.
        stop = None if last is None else last + timedelta(1)
        later = None if following is None else following[0]
        if stop is not None and later is not None and stop < later:
            notes.count("of namechange are followed by days without a name", 1, f"{symbol} {last}")
        # A later name ends an earlier one, whatever its row says.
        if later is not None and (stop is None or stop > later):
            stop = later
        spans.append((first, stop, _states(row.need("name"))))
    for state in STATES:
        merged: list[tuple[date, date | None]] = []
        for first, stop, states in spans:
            # Spans that follow each other without a gap are one: the symbol only changed its name.
            if state in states and merged and merged[-1][1] == first:
                merged[-1] = merged[-1][0], stop
            elif state in states:
                merged.append((first, stop))
        yield from (_span_row("tushare namechange", symbol, state, *span) for span in merged)


def _members(facts: FactTables, rows: Iterable[VendorRow], notes: Notes) -> Iterator[Row]:
    """Yield the spans of members of an index, which its weights tell."""
    snapshots: dict[str, dict[date, set[str]]] = {}
    for row in rows:
        row.need("trade_date")
        day, symbol = row.day("trade_date"), _check_known(facts, row, "con_code")
        assert day is not None
        snapshots.setdefault(row.need("index_code"), {}).setdefault(day, set()).add(symbol)
    for span in member_spans(snapshots, notes):
        yield _span_row("tushare index_weight", *span)


def _spans_of_bars(facts: FactTables, rows: Iterable[VendorRow], notes: Notes) -> Iterator[Row]:
    """Yield the spans of special treatment, from the rows of bars in which it changes."""
    days: dict[str, dict[date, VendorRow]] = {}
    for row in rows:
        symbol, day = _check_known(facts, row, "code"), row.day("date")
        assert day is not None
        other = days.setdefault(symbol, {}).setdefault(day, row)
        if other.flag("isST") != row.flag("isST"):
            raise row.refusal(
                f"isST is {row.text('isST')} on {day}, and {other.text('isST')} in {other.origin}, "
                f"row {other.number}. Remove one of them"
            )
    for symbol in sorted(days):
        first = None
        for day in sorted(days[symbol]):
            is_st = days[symbol][day].flag("isST")
            if is_st and first is None:
                first = day
            elif not is_st and first is not None:
                yield _span_row(f"baostock {ST_BARS}", symbol, ST, first, day)
                first = None
        if first is not None:
            yield _span_row(f"baostock {ST_BARS}", symbol, ST, first, None)
    stocks = {name for name, row in facts.instruments.items() if row["kind"] == "stock"}
    without = len(stocks - days.keys())
    if without:
        notes.tell(f"{without:,} stocks have no bars with isST: never ST")


def _span_row(source: str, symbol: str, state: str, first: date, stop: date | None) -> Row:
    return {
        "symbol": symbol,
        "what": state,
        "from": _iso(first),
        "to": _iso(stop),
        "source": source,
    }


def _states(name: str) -> frozenset[str]:
    """Return the states that a name tells: `*ST` and the like, and `退` for a delisting period."""
    # Full-width letters and asterisks become plain ones.
    plain = unicodedata.normalize("NFKC", name).upper().replace(" ", "")
    is_leaving = plain.startswith("退市") or plain.endswith("退")
    matches = {ST: ST_NAME.match(plain) is not None, DELISTING: is_leaving}
    return frozenset(state for state in STATES if matches[state])


def _tell_without_names(facts: FactTables, names: Mapping[str, object], notes: Notes) -> None:
    without = len(facts.instruments) - len(names)
    if without:
        notes.tell(f"symbols without a row in namechange, which count as never ST: {without:,}")


def _actions(
    facts: FactTables, rows: Iterable[VendorRow], names: _Amounts, notes: Notes
) -> Iterator[Row]:
    kept: dict[tuple[str, ...], None] = {}
    for row in rows:
        symbol = _check_known(facts, row, names.code)
        ex = row.day(names.ex)
        listed = facts.listed[symbol]
        columns = (names.cash, names.bonus, names.capital)
        amounts = [row.number_of(column) or 0.0 for column in columns]
        # tushare's total of bonus and capital, where the parts are missing.
        total = row.number_of("stk_div") or 0.0
        if total and not (amounts[1] or amounts[2]):
            notes.count("say only how many new shares there are: from reserves", 1, symbol)
            amounts[2] = total
        if ex is None:
            notes.count("of dividends without an ex-date are left out", 1, symbol)
        elif listed is not None and ex < listed:
            notes.count("of dividends before the listing are left out", 1, f"{symbol} {ex}")
        elif any(amounts):
            pay, listing = row.day(names.pay), row.day(names.listing)
            amount_cells = [repr(amount) if amount else "" for amount in amounts]
            # Vendors repeat a row for each stage of a decision.
            days = (_iso(pay), _iso(listing))
            kept.setdefault((symbol, _iso(ex), *amount_cells, *days, names.source))
    # The cells are texts, of which the symbol and the ISO date come first.
    for cells in sorted(kept):
        yield dict(zip(ACTION_COLUMNS, cells, strict=True))


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()
