"""A chunk as an object of the store: not one altered bit goes unnoticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.chunks.chunk import (
    Chunk,
    ChunkHeader,
    chunk_key,
    latest_chunk,
    parse_chunk_key,
    read_chunk,
)
from backfleet.chunks.formats import PART
from backfleet.errors import CorruptObject, ObjectMissing
from backfleet.store import Store, open_store


def chunk(number: int = 3, generation: int = 0) -> Chunk:
    header = ChunkHeader(
        run_id="0123456789abcdef",
        chunk=number,
        generation=generation,
        first=6,
        count=2,
        logical="f" * 64,
        blobs={"equity": "a" * 64},
        ok=1,
        suspicious=0,
        error=1,
        retryable=1,
        seconds=0.5,
        platform={"system": "Linux", "baseline": True},
    )
    return Chunk(header, b"the rows\nas Parquet\x00")


CONTENT = chunk().to_bytes()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def test_a_chunk_comes_back_as_it_was() -> None:
    assert Chunk.from_bytes(CONTENT) == chunk()


@given(st.integers(0, 8 * len(CONTENT) - 1))
def test_a_flipped_bit_is_found(bit: int) -> None:
    altered = bytearray(CONTENT)
    altered[bit // 8] ^= 1 << bit % 8

    with pytest.raises(CorruptObject, match="does not match its hash"):
        Chunk.from_bytes(bytes(altered))


def sealed(header: bytes, label: str = "chunk/2 backfleet-9.8") -> bytes:
    """A chunk with this header and the hashes that belong to it."""
    body = hashlib.sha256(b"rows").hexdigest()
    digest = hashlib.sha256(f"{label}\n{body}\n".encode() + header).hexdigest()
    return f"{label} {digest} {body}\n".encode() + header + b"\nrows"


def changed(**fields: object) -> bytes:
    return json.dumps(json.loads(chunk().header.to_bytes()) | fields).encode()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (changed(mood="good"), "newer backfleet.* field .mood"),
        (json.dumps({"run_id": "1"}).encode(), "lacks the field chunk"),
        (changed(count="2"), "field count is '2' and not an integer"),
        (changed(count=True), "field count is True and not an integer"),
        (changed(seconds=None), "field seconds is None and not a number"),
        (changed(blobs=[]), r"field blobs is \[\] and not an object"),
        (changed(blobs={"equity": "../../x"}), "names no blob: 'equity': '../../x'"),
        (changed(blobs={"mood": "a" * 64}), "names no blob: 'mood'"),
        (changed(count=3), "do not add up"),
        (changed(first=-6), "negative"),
        (b"[]", "not an object"),
        (b"7", "not an object"),
        (b"", "as JSON"),
        (b"\xff", "as JSON"),
        (b"[" * 100_000, "as JSON"),
    ],
)
def test_a_header_that_is_sealed_and_odd_is_refused(header: bytes, message: str) -> None:
    with pytest.raises(CorruptObject, match=message):
        Chunk.from_bytes(sealed(header))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("chunk/3 backfleet-9.8", r"the format chunk/3.*reads chunk/2; .*with backfleet 9\.8"),
        ("part/2 backfleet-9.8", "the format part/2"),
        ("chunk/2", "does not begin with its format"),
    ],
)
def test_a_record_of_another_format_names_the_backfleet_that_reads_it(
    label: str, message: str
) -> None:
    with pytest.raises(CorruptObject, match=message):
        Chunk.from_bytes(sealed(changed(), label))


def test_a_chunk_begins_with_its_format_and_is_no_part() -> None:
    assert CONTENT.startswith(b"chunk/2 backfleet-")
    assert Chunk.from_bytes(chunk().to_bytes(PART), PART) == chunk()
    with pytest.raises(CorruptObject, match="the format chunk/2, and this backfleet reads part/2"):
        Chunk.from_bytes(CONTENT, PART)


@given(st.integers(0, len(CONTENT) - 1))
def test_a_truncated_chunk_is_found(length: int) -> None:
    with pytest.raises(CorruptObject):
        Chunk.from_bytes(CONTENT[:length])


@given(st.binary(min_size=1, max_size=100))
def test_appended_bytes_are_found(more: bytes) -> None:
    with pytest.raises(CorruptObject):
        Chunk.from_bytes(CONTENT + more)


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_keys_are_read_as_they_are_written(number: int, generation: int) -> None:
    assert parse_chunk_key(chunk_key(number, generation)) == (number, generation)


@pytest.mark.parametrize(
    "key", ["chunks/12.0", "chunks/000012", "chunks/000012.0.tmp", "blobs/0.0"]
)
def test_keys_of_something_else_are_none(key: str) -> None:
    assert parse_chunk_key(key) is None


def test_a_chunk_in_the_place_of_another_is_refused(store: Store) -> None:
    store.put_if_absent(chunk_key(4, 0), CONTENT)

    with pytest.raises(CorruptObject, match=r"chunk 4, generation 0, .*: chunks/000003\.0 lies in"):
        read_chunk(store, 4, 0)
    with pytest.raises(ObjectMissing):
        read_chunk(store, 3, 0)


def test_the_latest_chunk_is_the_highest_sound_generation(store: Store) -> None:
    assert latest_chunk(store, 3, 0) is None
    for generation, content in enumerate(
        [b"damaged", chunk(3, 1).to_bytes(), chunk(3, 2).to_bytes(), b""]
    ):
        store.put_if_absent(chunk_key(3, generation), content)

    latest = latest_chunk(store, 3, 0)
    assert latest is not None
    assert latest.header.generation == 2
    assert latest_chunk(store, 3, 3) is None
