"""Tables in JSON: lists of rows, lists of objects, columns of pandas, and answers of vendors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from backfleet.errors import DataError
from backfleet.sources.importing.dates import is_date
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.parts import naming_damage
from backfleet.sources.importing.tables import array_of

__all__ = ["json_tables"]

MAX_BYTES = 2**30
MAX_DEPTH = 6
CANDLE = ("timestamp", "open", "high", "low", "close", "volume")
Columns = dict[str | int, list[Any]]
"""By name, or by position if the document does not name its columns."""
_SHORT = {"t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_ERRORS = ("Note", "Information", "Error Message", "error", "message")


def json_tables(file: Path, open_stream: Callable[[], BinaryIO]) -> Iterator[Callable[[], Frame]]:
    """Yield the table of a JSON document. Raises DataError."""
    with naming_damage(file), open_stream() as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"{file}: a JSON document of more than 1 GiB is not read")
    try:
        document = json.loads(content)
    except RecursionError:
        raise DataError(f"{file}: this JSON is nested too deeply") from None
    except ValueError as error:
        # JSON Lines: a document per line, which is no JSON as a whole.
        document = _lines(content)
        if document is None:
            raise DataError(f"{file}: this is not JSON: {error}") from None
    yield partial(_frame, str(file), document)


def _lines(content: bytes) -> list[Any] | None:
    try:
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError:
        return None


def _frame(origin: str, document: Any) -> Frame:
    try:
        # The shape is found by trying: a document of another one lacks a key, or has another type
        # there.
        columns, symbol = _columns(origin, document)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise DataError(f"{origin}: this JSON has no table of bars") from None
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise DataError(f"{origin}: this JSON has no table of bars, or no rows")
    arrays = tuple(map(array_of, columns.values()))
    names = tuple("" if isinstance(name, int) else name for name in columns)
    return Frame(origin, names, arrays, 1, symbol)


def _columns(origin: str, document: Any) -> tuple[Columns, str | None]:
    if isinstance(document, list) and document and isinstance(document[0], list):
        return _lists(origin, document), None
    if isinstance(document, list) and document and isinstance(document[0], Mapping):
        # Rows may lack keys; the order of the first occurrence is kept.
        keys = dict.fromkeys(name for row in document for name in row)
        return {_SHORT.get(key, key): [row.get(key) for row in document] for key in keys}, None
    if isinstance(document, Mapping):
        return _object(origin, document)
    raise DataError(f"{origin}: this JSON has no table of bars")


def _lists(origin: str, rows: Sequence[Any]) -> Columns:
    width = len(rows[0])
    if any(not isinstance(row, list) or len(row) != width for row in rows):
        raise DataError(f"{origin}: the rows of this JSON do not have one length")
    values = [list(column) for column in zip(*rows, strict=True)]
    # Exchanges return lists without names. Six columns are taken for candles only if no row
    # contradicts.
    if width == len(CANDLE) and _are_candles(values):
        return dict(zip(CANDLE, values, strict=True))
    if width == 2:
        return {"timestamp": values[0], "close": values[1]}
    return dict(enumerate(values))


def _are_candles(values: Sequence[Sequence[Any]]) -> bool:
    """Return whether no row contradicts the usual order, which some exchanges do not have."""
    try:
        prices = [[float(value) for value in row if value is not None] for row in values[1:5]]
        return all(
            low <= min(opened, close) and max(opened, close) <= high
            for opened, high, low, close in zip(*prices, strict=True)
        )
    except (TypeError, ValueError):
        return False


def _object(origin: str, document: Mapping[str, Any]) -> tuple[Columns, str | None]:
    # Vendors answer with a message and status 200 if a limit is reached or a key is wrong.
    if len(document) <= 2 and any(isinstance(document.get(key), str) for key in _ERRORS):
        text = next(document[key] for key in _ERRORS if isinstance(document.get(key), str))
        raise DataError(f"{origin}: this is a message of the vendor, not data: {text}")
    if "chart" in document:
        return _yahoo(document["chart"]["result"][0])
    # Before the keys of vendors, because `data` is one of them, too.
    split = _split(document, MAX_DEPTH)
    if split is not None:
        return split, None
    series = next((v for k, v in document.items() if "Time Series" in k), None)
    if isinstance(series, Mapping):
        meta: Mapping[str, Any] = document.get("Meta Data", {})
        symbol = next((v for k, v in meta.items() if k.endswith("Symbol")), None)
        return {"timestamp": list(series), **_columns(origin, list(series.values()))[0]}, symbol
    for key in ("results", "data", "candles", "prices", "historical", "values"):
        if isinstance(document.get(key), list):
            name = document.get("symbol") or document.get("ticker")
            return _columns(origin, document[key])[0], name if isinstance(name, str) else None
    # Two are enough to know that there is not only one.
    tables = list(islice(_tables(document, MAX_DEPTH), 2))
    if len(tables) == 1:
        return _columns(origin, tables[0])
    return _by_column(origin, document), None


def _split(document: Any, depth: int) -> Columns | None:
    """Return the table whose names lie in a list of their own, as in pandas' orient="split"."""
    if not depth or not isinstance(document, Mapping):
        return None
    names = document.get("columns", document.get("column_names"))
    if not isinstance(names, list) or not isinstance(document.get("data"), list):
        inner = (_split(value, depth - 1) for value in document.values())
        return next((table for table in inner if table is not None), None)
    columns: Columns = {"": list(document["index"])} if "index" in document else {}
    for place, name in enumerate(names):
        columns[str(name)] = [row[place] for row in document["data"]]
    return columns


def _tables(document: Any, depth: int) -> Iterator[Sequence[Any]]:
    """Yield the lists of rows within a document."""
    is_list = isinstance(document, list)
    if is_list and len(document) > 1 and isinstance(document[0], (Mapping, list)):
        yield document
    elif depth and (is_list or isinstance(document, Mapping)):
        for value in document if is_list else document.values():
            yield from _tables(value, depth - 1)


def _yahoo(result: Mapping[str, Any]) -> tuple[Columns, str | None]:
    indicators = result["indicators"]
    columns: Columns = {"timestamp": list(result["timestamp"]), **indicators["quote"][0]}
    if indicators.get("adjclose"):
        columns["adjclose"] = indicators["adjclose"][0]["adjclose"]
    return columns, result.get("meta", {}).get("symbol")


def _by_column(origin: str, document: Mapping[str, Any]) -> Columns:
    lists: Columns = {_SHORT.get(k, k): v for k, v in document.items() if isinstance(v, list)}
    if lists and all(map(is_date, map(str, document))):
        # Rows by date, whose values have no names.
        return _lists(origin, [[day, *row] for day, row in document.items()])
    # A date and four prices, each a list of its own.
    if len(lists) >= 5:
        return lists
    objects = {k: v for k, v in document.items() if isinstance(v, Mapping)}
    if not objects:
        raise DataError(f"{origin}: this JSON has no table of bars")
    first = next(iter(objects.values()))
    if len(objects) == len(document) and {"open", "close"} <= {str(k).lower() for k in first}:
        # Rows by date, as pandas writes with orient="index".
        return {"date": list(objects), **_columns(origin, list(objects.values()))[0]}
    index = list(first)
    return {"": index, **{k: [v.get(i) for i in index] for k, v in objects.items()}}
