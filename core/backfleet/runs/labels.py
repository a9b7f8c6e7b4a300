"""Labels of a run: tags and notes. They are outside the run's identity.

A label is stored once, under the hash of its text, so that adding it again changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from backfleet.errors import CorruptObject, UserError
from backfleet.store import Entry, Store
from backfleet.store.records import decode_record, encode_record

__all__ = ["DamagedLabel", "Labels", "add_labels", "check_label", "decode_label", "read_labels"]

FORMAT = "label/1"
FOLDER = "labels"
MAX_CHARS = {"tag": 50, "note": 1000}
MAX_LABEL_BYTES = 16 * 2**10
MAX_LABELS = 1000

_KEY = re.compile(rf"{FOLDER}/[0-9a-f]{{64}}\.json")

LabelKind = Literal["tag", "note"]


class DamagedLabel(UserWarning):
    """A stored label that cannot be read; the run is shown without it."""


@dataclass(frozen=True)
class Labels:
    """The tags and the notes of a run, oldest first."""

    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredLabel:
    """The fields of `labels/<sha256>.json`; `created` is when it was added, ISO 8601 in UTC."""

    kind: LabelKind
    text: str
    created: str

    @property
    def key(self) -> str:
        digest = hashlib.sha256(f"{self.kind}\n{self.text}".encode()).hexdigest()
        return f"{FOLDER}/{digest}.json"


def check_label(kind: LabelKind, text: str) -> str:
    """Return the text of a tag or a note as it is. Raises UserError if it cannot be one."""
    limit = MAX_CHARS[kind]
    if not text.strip():
        problem = "it is empty"
    elif len(text) > limit:
        problem = f"it has {len(text):,} characters, at most {limit:,} are possible"
    elif not text.isprintable():
        problem = "it has a line break or another unprintable character"
    elif kind == "tag" and (text != text.strip() or "," in text):
        problem = "it has a comma, or a space at its beginning or end"
    else:
        return text
    shown = text if len(text) <= limit else f"{text[:limit]}..."
    raise UserError(f"{kind} {shown!r}: {problem}. Choose another text")


def add_labels(store: Store, tags: Sequence[str] = (), note: str | None = None) -> None:
    """Add tags and a note to those of a run; labels that it has already stay as they are.

    Raises UserError if a text cannot be a label; nothing was stored. Raises StoreError.
    """
    # Microseconds, because labels are ordered by this time and may be added in one second.
    created = datetime.now(UTC).isoformat(timespec="microseconds")
    stored = [StoredLabel("tag", check_label("tag", tag), created) for tag in tags]
    if note is not None:
        stored.append(StoredLabel("note", check_label("note", note), created))
    # All texts were checked above, so that a wrong one leaves nothing stored.
    for label in stored:
        store.put_if_absent(label.key, encode_record(FORMAT, label))


def read_labels(store: Store) -> Labels:
    """Return the labels of a run; a damaged one is left out, with a warning. Raises StoreError."""
    labels = sorted(_sound_labels(store), key=lambda label: (label.created, label.text))
    return Labels(
        tags=tuple(label.text for label in labels if label.kind == "tag"),
        notes=tuple(label.text for label in labels if label.kind == "note"),
    )


def decode_label(key: str, content: bytes) -> StoredLabel:
    """Return the label that is stored under a key. Raises CorruptObject."""
    label = decode_record(StoredLabel, FORMAT, content)
    try:
        check_label(label.kind, label.text)
    except UserError as error:
        raise CorruptObject(str(error)) from error
    # The key is the hash of the text, so a record under another key was altered or copied.
    if label.key != key:
        raise CorruptObject(f"it holds the label of {label.key}")
    return label


def _sound_labels(store: Store) -> Iterator[StoredLabel]:
    entries = [entry for entry in store.list(f"{FOLDER}/") if _KEY.fullmatch(entry.key)]
    for entry in entries[:MAX_LABELS]:
        try:
            yield _read_label(store, entry)
        except CorruptObject as error:
            _warn(f"{store.url}/{entry.key} is left out: {error}")
    if len(entries) > MAX_LABELS:
        _warn(f"{store.url}/{FOLDER} has {len(entries):,} labels; the first {MAX_LABELS:,} count")


def _read_label(store: Store, entry: Entry) -> StoredLabel:
    # The size is in the listing, so a huge object is rejected without being read.
    if entry.size > MAX_LABEL_BYTES:
        raise CorruptObject(f"it has {entry.size:,} bytes, at most {MAX_LABEL_BYTES:,} are valid")
    return decode_label(entry.key, store.read(entry.key))


def _warn(message: str) -> None:
    warnings.warn(message, DamagedLabel, stacklevel=2)
