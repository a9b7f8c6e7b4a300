"""Reading records that are damaged, or written by somebody who knows the format."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import CorruptObject
from backfleet.store.directory import DirectoryStore
from backfleet.store.records import (
    MAX_RECORD_BYTES,
    decode_record,
    encode_record,
    parse_json,
    read_record,
)
from stored_records import sealed


@dataclass(frozen=True)
class Sample:
    number: int
    share: float = 0.5
    more: dict[str, Any] = field(default_factory=dict)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    store, record = DirectoryStore(tmp_path), Sample(2**63, 0.1, {"text": "🦜", "list": [None]})
    store.put_if_absent("a.json", encode_record("sample/1", record))

    assert read_record(store, "a.json", Sample, "sample/1") == record


def altered(**changes: Any) -> bytes:
    return sealed(json.loads(encode_record("sample/1", Sample(1))) | changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}", "nested more than 64 levels"),
        (b"[" + b"[]," * 1_000_000 + b"0]", "values; at most"),
        (b" " * (MAX_RECORD_BYTES + 1), "bytes; at most 16,777,216"),
        (b'{"a": 1, "a": 1}', "two fields of the same name"),
        (b'{"a": NaN}', "NaN is not a valid JSON"),
        (b'{"a": -Infinity}', "-Infinity is not a valid JSON"),
        (b'{"a": 1e999}', "1e999' is too large"),
        (b'{"a": 18446744073709551616}', "does not fit into 64 bits"),
        (b"9" * 5000, "does not fit into 64 bits"),
        (b'{"a": "\\ud800"}', "surrogates not allowed"),
        (b'"\xed\xa0\x80"', "can't decode byte"),
        (b"\xff", "can't decode byte"),
        ("{}".encode("utf-16"), "can't decode byte"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"", "Expecting value"),
        (b"null", "not a JSON object but None"),
        (b"[]", r"not a JSON object but \[\]"),
        (altered(number="1"), "field number is '1' and not an integer"),
        (altered(number=True), "field number is True and not an integer"),
        (altered(number=1.0), "field number is 1.0 and not an integer"),
        (altered(share=[]), r"field share is \[\] and not a number"),
        (altered(more=[]), r"field more is \[\] and not an object"),
        (altered(extra=1), "newer backfleet: this one does not know the field 'extra'. Upgrade"),
        (altered(format="sample/2"), "format 'sample/2', written by 'backfleet "),
        (altered() + b"x", "Extra data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_odd_record_is_rejected_with_the_reason(content: bytes, message: str) -> None:
    with pytest.raises(CorruptObject, match=message):
        decode_record(Sample, "sample/1", content)


def test_a_record_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put_if_absent("cut.json", b"{")
    (tmp_path / "large.json").touch()
    (tmp_path / "large.json").write_bytes(b" " * (MAX_RECORD_BYTES + 1))
    for name in ("cut.json", "large.json"):
        with pytest.raises(CorruptObject) as error:
            read_record(store, name, Sample, "sample/1")
        assert str(error.value).count(str(tmp_path / name)) == 1


def test_escaped_pairs_of_surrogates_are_text() -> None:
    assert parse_json(b'"\\ud83e\\udd9c"') == "🦜"
