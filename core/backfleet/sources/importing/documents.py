"""Tables in JSON: lists of rows, lists of objects, columns of pandas, and answers of vendors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from backfleet.errors import DataError
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.parts import naming_damage

__all__ = ["json_tables"]

MAX_BYTES = 2**30
CANDLE = ("timestamp", "open", "high", "low", "close", "volume")
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
        columns, symbol = _columns(origin, document)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise DataError(f"{origin}: this JSON has no table of bars") from None
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise DataError(f"{origin}: this JSON has no table of bars, or no rows")
    arrays = tuple(map(_array, columns.values()))
    return Frame(origin, tuple(columns), arrays, 1, symbol)


def _array(values: Sequence[Any]) -> Any:
    try:
        array = pa.array(values)
        if not pa.types.is_nested(array.type):
            return array
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    plain = [None if value is None else str(value) for value in values]
    return pa.array(plain, pa.string())


def _columns(origin: str, document: Any) -> tuple[dict[str, list[Any]], str | None]:
    if isinstance(document, list) and document and isinstance(document[0], list):
        width = len(document[0])
        if width < 5 or any(not isinstance(row, list) or len(row) != width for row in document):
            raise DataError(f"{origin}: the rows of this JSON do not have one length of at least 5")
        names = CANDLE if width == 6 else tuple(f"column {place}" for place in range(1, width + 1))
        return {name: [row[i] for row in document] for i, name in enumerate(names)}, None
    if isinstance(document, list) and document and isinstance(document[0], Mapping):
        keys = dict.fromkeys(name for row in document for name in row)
        return {_SHORT.get(key, key): [row.get(key) for row in document] for key in keys}, None
    if isinstance(document, Mapping):
        return _object(origin, document)
    raise DataError(f"{origin}: this JSON has no table of bars")


def _object(origin: str, document: Mapping[str, Any]) -> tuple[dict[str, list[Any]], str | None]:
    if len(document) <= 2 and any(isinstance(document.get(key), str) for key in _ERRORS):
        text = next(document[key] for key in _ERRORS if isinstance(document.get(key), str))
        raise DataError(f"{origin}: this is a message of the vendor, not data: {text}")
    if "chart" in document:
        return _yahoo(document["chart"]["result"][0])
    if "columns" in document and "data" in document:
        split = {
            str(n): [row[i] for row in document["data"]] for i, n in enumerate(document["columns"])
        }
        return ({"": list(document["index"])} if "index" in document else {}) | split, None
    series = next((v for k, v in document.items() if "Time Series" in k), None)
    if isinstance(series, Mapping):
        meta: Mapping[str, Any] = document.get("Meta Data", {})
        symbol = next((v for k, v in meta.items() if k.endswith("Symbol")), None)
        return {"timestamp": list(series), **_columns(origin, list(series.values()))[0]}, symbol
    for key in ("results", "data", "candles", "prices", "historical", "values"):
        if isinstance(document.get(key), list):
            name = document.get("symbol") or document.get("ticker")
            return _columns(origin, document[key])[0], name if isinstance(name, str) else None
    return _by_column(origin, document), None


def _yahoo(result: Mapping[str, Any]) -> tuple[dict[str, list[Any]], str | None]:
    indicators = result["indicators"]
    columns = {"timestamp": list(result["timestamp"]), **indicators["quote"][0]}
    if indicators.get("adjclose"):
        columns["adjclose"] = indicators["adjclose"][0]["adjclose"]
    return columns, result.get("meta", {}).get("symbol")


def _by_column(origin: str, document: Mapping[str, Any]) -> dict[str, list[Any]]:
    lists = {_SHORT.get(k, k): v for k, v in document.items() if isinstance(v, list)}
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
