"""Counting the trials of the ledger: the distinct points of a strategy's family in a store.

A trial is a distinct (logic of the code, universe, point). The same point in another run, over
other dates or with other fees counts once. Every run that was submitted counts, also one that
failed or was removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

from backfleet.errors import CorruptObject
from backfleet.plan.manifest import Manifest
from backfleet.plan.point_hashes import Hashes, unite_hashes
from backfleet.store import Store
from backfleet.store.records import canonical_digest, warn_of_damage
from backfleet.submissions.trial_ledger import (
    TRIALS,
    DeclaredTrials,
    TrialEntry,
    entry_of,
    family_folder,
    read_declaration,
    read_entry,
)

__all__ = [
    "Family",
    "RunTrials",
    "count_looks",
    "count_points",
    "count_trials_of_run",
    "read_families",
    "read_family",
]

# Whole keys are compared: anybody who can write to the store can put other objects there.
_ENTRY = re.compile(rf"{TRIALS}/[A-Za-z0-9-]+/[0-9a-f]{{16}}\.json")
_DECLARED = re.compile(rf"{TRIALS}/[A-Za-z0-9-]+/declared/[0-9a-f]{{64}}\.json")

# Requests to S3 wait for the network and not for a processor, so more of them than cores help.
READERS = 16

Record = TrialEntry | DeclaredTrials
OnDamage = Callable[[CorruptObject], None]

_warn = partial(warn_of_damage, consequence="Its trials are not counted")


@dataclass(frozen=True)
class Family:
    """The ledger's records of one family.

    Attributes
    ----------
    entries
        The runs, the oldest first.
    declarations
        Trials that took place outside the store, the oldest first.
    """

    name: str
    entries: tuple[TrialEntry, ...] = ()
    declarations: tuple[DeclaredTrials, ...] = ()

    @property
    def declared(self) -> int:
        """The largest number that was declared: nothing lowers it."""
        # Not the sum, so that declaring the same trials again changes nothing.
        return max((declared.trials for declared in self.declarations), default=0)

    @property
    def last(self) -> str:
        """When the newest record was written; empty if there is none."""
        entries = (entry.created for entry in self.entries)
        return max((*entries, *(declared.created for declared in self.declarations)), default="")

    @property
    def present(self) -> Sequence[TrialEntry]:
        """The runs under the code of the newest one."""
        # The entries are sorted by their time.
        return [entry for entry in self.entries if entry.logic == self.entries[-1].logic]


@dataclass(frozen=True)
class RunTrials:
    """The number of trials behind a run.

    Attributes
    ----------
    points
        The distinct points of the run alone.
    family
        The family that it belongs to; of several, the one with the most trials.
    counted
        The distinct points of the family in the store, those of the run among them.
    declared
        Trials of the family that took place outside the store.
    runs
        Number of the family's runs in the store, this one among them.
    """

    points: int
    family: str
    counted: int
    declared: int
    runs: int = 1

    @property
    def total(self) -> int:
        """N of the verdict, by points: what was counted and what was declared."""
        return self.counted + self.declared

    @property
    def beyond(self) -> int:
        """Trials of the family that are not points of this run."""
        return self.total - self.points


def count_trials_of_run(root: Store, manifest: Manifest, on_damage: OnDamage = _warn) -> RunTrials:
    """Return how many trials stand behind a run of the store `root`.

    The run counts also if the ledger lacks it, as in a folder that was copied. Raises StoreError.
    """
    # From the manifest and not from the ledger, which a copied folder lacks.
    own = entry_of(manifest)
    families = _families_of(root, own, on_damage)
    points = count_points([own], on_damage)
    behind = [
        RunTrials(
            points=points,
            family=family.name,
            counted=count_points([*family.entries, own], on_damage),
            declared=family.declared,
            runs=len({own.run_id, *(entry.run_id for entry in family.entries)}),
        )
        for family in families
    ]
    # The name decides between equal numbers, so that the result does not depend on the order of a
    # set.
    return max(behind, key=lambda trials: (trials.total, trials.family))


def count_looks(root: Store, manifest: Manifest, holdout: date, on_damage: OnDamage = _warn) -> int:
    """Return how many runs of a run's family have looked at a holdout, this one included.

    A run looks at the holdout if its data reach the first session of it. Raises StoreError.
    """
    own = entry_of(manifest)
    families = _families_of(root, own, on_damage)
    entries = [own, *(entry for family in families for entry in family.entries)]
    # ISO dates compare like dates.
    return len({entry.run_id for entry in entries if entry.last >= holdout.isoformat()})


def read_families(root: Store, on_damage: OnDamage = _warn) -> list[Family]:
    """Return the families of a store, sorted by name; damaged objects go to `on_damage`.

    Raises StoreError.
    """
    return sorted(_read(root, TRIALS, on_damage), key=lambda family: family.name)


def read_family(root: Store, name: str, on_damage: OnDamage = _warn) -> Family:
    """Return one family of a store; it may have no records. Raises StoreError."""
    # Two families have two folders, so a folder holds one at most.
    families = list(_read(root, family_folder(name), on_damage))
    return families[0] if families else Family(name)


def _families_of(root: Store, own: TrialEntry, on_damage: OnDamage) -> list[Family]:
    """Return the families of the ledger that a run belongs to; at least one, maybe without runs."""
    keys = (entry.key for entry in root.list(f"{TRIALS}/"))
    # The same run may have been submitted under another family, by a job that names it differently.
    suffix = f"/{own.run_id}.json"
    folders = {
        family_folder(own.family),
        *(k.rpartition("/")[0] for k in keys if k.endswith(suffix)),
    }
    families = [family for folder in folders for family in _read(root, folder, on_damage)]
    return families or [Family(own.family)]


def count_points(entries: Iterable[TrialEntry], on_damage: OnDamage = _warn) -> int:
    """Return the number of distinct (logic, universe, point).

    Points of runs that are too large to compare count in full, as long as the runs' sweeps differ.
    """
    groups: dict[tuple[str, str], dict[str, TrialEntry]] = {}
    for entry in entries:
        # Runs of the same sweep over other dates have the same points, and are expanded once.
        sweep = canonical_digest([entry.count, entry.points, entry.hashes])
        groups.setdefault((entry.logic, entry.universe), {})[sweep] = entry
    return sum(_count_group(list(group.values()), on_damage) for group in groups.values())


def _count_group(entries: Sequence[TrialEntry], on_damage: OnDamage) -> int:
    uncompared = 0

    def parts() -> Iterator[Hashes]:
        nonlocal uncompared
        for entry in entries:
            try:
                hashes = entry.point_hashes()
            except CorruptObject as error:
                # One damaged entry must not hide the number of all others.
                on_damage(CorruptObject(f"{entry.key}: {error}"))
                continue
            if hashes is None:
                uncompared += entry.count
            else:
                yield hashes

    return len(unite_hashes(parts())) + uncompared


def _read(root: Store, folder: str, on_damage: OnDamage) -> list[Family]:
    """Return the families below a folder of the ledger."""
    entries: dict[str, list[TrialEntry]] = {}
    declarations: dict[str, list[DeclaredTrials]] = {}
    for record in _records(root, folder, on_damage):
        if isinstance(record, TrialEntry):
            entries.setdefault(record.family, []).append(record)
        else:
            declarations.setdefault(record.family, []).append(record)
    return [
        Family(
            name,
            tuple(sorted(entries.get(name, ()), key=lambda entry: (entry.created, entry.run_id))),
            tuple(sorted(declarations.get(name, ()), key=lambda declared: declared.created)),
        )
        for name in {**entries, **declarations}
    ]


def _records(root: Store, folder: str, on_damage: OnDamage) -> Iterator[Record]:
    """Yield the records below a folder of the ledger, in the order of their keys."""
    keys = [entry.key for entry in root.list(f"{folder}/")]
    # Every run ends with its verdict, and a store on S3 can hold thousands of runs.
    # `map` keeps the order of the keys, however the answers arrive.
    with ThreadPoolExecutor(READERS) as readers:
        for record in readers.map(partial(_record, root), keys):
            if isinstance(record, CorruptObject):
                on_damage(record)
            elif record is not None:
                yield record


def _record(root: Store, key: str) -> Record | CorruptObject | None:
    """Return a record or its damage; None for objects of other names, whoever wrote them."""
    try:
        if _ENTRY.fullmatch(key):
            return read_entry(root, key)
        return read_declaration(root, key) if _DECLARED.fullmatch(key) else None
    # Returned and not raised, because an error would end `map` and hide the records behind it.
    except CorruptObject as error:
        return error
