"""The trial ledger of a store: which points of a strategy's family were ever run.

`trials/1/<family>/<run id>.json` is written when a run is submitted, and outlives the run. Its
content follows from the run alone, so a second writer agrees. `declared/<sha256>.json` beside it
holds trials that took place elsewhere. Nothing here is ever changed; `validation/` counts.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import numpy as np

from backfleet.errors import CorruptObject, UserError
from backfleet.job import points_from_json, rules
from backfleet.plan.manifest import Manifest
from backfleet.plan.point_hashes import Hashes, hash_points, unite_hashes
from backfleet.store import Store
from backfleet.store.records import canonical_digest, encode_record, read_record

__all__ = [
    "MAX_HASHED_POINTS",
    "TRIALS",
    "DeclaredTrials",
    "TrialEntry",
    "add_to_ledger",
    "declare_trials",
    "entry_of",
    "family_folder",
    "read_declaration",
    "read_entry",
]

TRIALS = "trials/1"
"""Format of the entries, and the folder of the ledger."""

DECLARED = "declared-trials/1"
"""Format of declarations."""

MAX_HASHED_POINTS = 10_000_000
"""Runs of more points are counted as they are, without comparing their points with others."""

MAX_LISTED_POINTS = 1_000_000
"""The same for a table of points, whose hashes are stored: a record has at most 16 MiB."""

_SLUG_CHARS = 60


@dataclass(frozen=True)
class TrialEntry:
    """The points of a run, as the ledger keeps them.

    Attributes
    ----------
    family
        The strategy's target without the folder of its file, or the job's `validation.family`.
    logic
        Hash of the logic of the strategy's code, and of the files that the job declares.
    universe
        Hash of the names of the symbols, and of whether they are one portfolio.
    symbols
        Number of symbols.
    created
        When the run was planned, ISO 8601 in UTC.
    last
        Its last session, ISO 8601: a run that includes a holdout has looked at it.
    count
        Number of points; of a table whose hashes are stored, of the distinct ones.
    points
        `Points.to_json()`.
    hashes
        Hashes of the points of a table, base64; None for a grid and for a table that is too large.
    """

    run_id: str
    family: str
    logic: str
    universe: str
    symbols: int
    created: str
    last: str
    count: int
    points: Mapping[str, Any]
    hashes: str | None

    @property
    def key(self) -> str:
        return _key(self.family, self.run_id)

    def point_hashes(self) -> Hashes | None:
        """Return the hashes of the points; None if there are too many. Raises CorruptObject."""
        if self.count > MAX_HASHED_POINTS:
            return None
        try:
            if self.hashes is None:
                # A table above MAX_LISTED_POINTS: its hashes are not stored, and its points are not
                # in the entry.
                if self.points.get("kind") == "table":
                    return None
                points = points_from_json(self.points)
                self._check_count(len(points))
                return hash_points(points)
            content = base64.b64decode(self.hashes, validate=True)
            # Uniting one array sorts it and removes duplicates, as all users of hashes expect.
            # Stored bytes are little-endian on every machine.
            hashes = unite_hashes([np.frombuffer(content, dtype="<u8").astype(np.uint64)])
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise CorruptObject(f"its points cannot be read: {error}") from error
        self._check_count(len(hashes))
        return hashes

    def _check_count(self, count: int) -> None:
        if count != self.count:
            raise CorruptObject(f"it names {self.count:,} points and holds {count:,}")


@dataclass(frozen=True)
class DeclaredTrials:
    """Trials of a family that took place elsewhere; `created` is when they were declared."""

    family: str
    trials: int
    note: str
    created: str

    @property
    def key(self) -> str:
        # Without the time: declaring the same trials twice is one declaration.
        digest = hashlib.sha256(f"{self.trials}\n{self.note}".encode()).hexdigest()
        return f"{family_folder(self.family)}/declared/{digest}.json"


R = TypeVar("R", TrialEntry, DeclaredTrials)


def family_folder(family: str) -> str:
    """Return the folder of a family: a readable beginning, and a hash that tells all apart."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", family)[:_SLUG_CHARS].strip("-")
    # The hash also keeps names such as "chunks", below which workers may write, from being folders.
    digest = hashlib.sha256(family.encode()).hexdigest()[:16]
    return f"{TRIALS}/{slug}-{digest}" if slug else f"{TRIALS}/{digest}"


def entry_of(manifest: Manifest, family: str = "") -> TrialEntry:
    """Return the entry of a run, by default in the family that its manifest names."""
    identity, points = manifest.identity, manifest.base_points
    names = sorted(symbol.name for symbol in manifest.symbols)
    # A grid is described by its axes and hashed again when it is read; only a table needs its
    # hashes stored.
    is_table = points.describe().axes is None
    count, hashes = len(points), None
    if is_table and count <= MAX_LISTED_POINTS:
        distinct = hash_points(points)
        count, hashes = len(distinct), base64.b64encode(distinct.astype("<u8").tobytes()).decode()
    files = dict(identity.files)
    return TrialEntry(
        run_id=manifest.run_id,
        family=family or manifest.family,
        # Declared files, such as weights, decide signals as constants in the code do.
        logic=canonical_digest([manifest.logic, files]) if files else manifest.logic,
        universe=canonical_digest([identity.data.universe, names]),
        symbols=len(names),
        created=manifest.created,
        last=max(symbol.last for symbol in manifest.symbols),
        count=count,
        points=points.to_json(),
        hashes=hashes,
    )


def add_to_ledger(root: Store, manifest: Manifest, family: str = "") -> None:
    """Count the points of a run in the store `root`; once, however often it is submitted.

    Raises StoreError.
    """
    key = _key(family or manifest.family, manifest.run_id)
    # Hashing the points of a large table again, only to find the entry there, takes seconds.
    if not root.exists(key):
        root.put_if_absent(key, encode_record(TRIALS, entry_of(manifest, family)))


def declare_trials(root: Store, name: str, trials: int, note: str) -> None:
    """Declare how many trials of a family took place outside the store, such as in a notebook.

    The largest number that was declared counts, so that none lowers another. Raises UserError,
    StoreError.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    declared = DeclaredTrials(name, trials, note, created)
    try:
        _check_declaration(declared)
    except ValueError as error:
        raise UserError(f"trials of {name!r}: {error}") from None
    root.put_if_absent(declared.key, encode_record(DECLARED, declared))


def read_entry(root: Store, key: str) -> TrialEntry:
    """Return the entry that is stored under a key. Raises CorruptObject, StoreError."""
    entry = read_record(root, key, TrialEntry, TRIALS)
    if entry.count < 1 or entry.symbols < 1:
        raise CorruptObject(
            f"{root.url}/{key}: it names {entry.count} points of {entry.symbols} symbols"
        )
    try:
        date.fromisoformat(entry.last)
    except ValueError as error:
        raise CorruptObject(f"{root.url}/{key}: {error}") from error
    return _checked(root, key, entry)


def read_declaration(root: Store, key: str) -> DeclaredTrials:
    """Return the declaration that is stored under a key. Raises CorruptObject, StoreError."""
    declared = read_record(root, key, DeclaredTrials, DECLARED)
    try:
        _check_declaration(declared)
    except ValueError as error:
        raise CorruptObject(f"{root.url}/{key}: {error}") from error
    return _checked(root, key, declared)


def _key(family: str, run_id: str) -> str:
    return f"{family_folder(family)}/{run_id}.json"


def _check_declaration(declared: DeclaredTrials) -> None:
    """Raise ValueError unless a declaration can be stored."""
    rules.family(declared.family)
    rules.note(declared.note)
    if not 1 <= declared.trials <= rules.MAX_PRIOR_TRIALS:
        raise ValueError(f"{declared.trials:,} is not between 1 and {rules.MAX_PRIOR_TRIALS:,}")


def _checked(root: Store, key: str, record: R) -> R:
    """Raise CorruptObject unless a record can belong to its key."""
    try:
        rules.family(record.family)
        datetime.fromisoformat(record.created)
    except ValueError as error:
        raise CorruptObject(f"{root.url}/{key}: {error}") from error
    if record.key != key:
        raise CorruptObject(f"{root.url}/{key}: it belongs to {record.key}")
    return record
