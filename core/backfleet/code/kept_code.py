"""The code of a run, kept in its store: wheels in `code/`, and `code.json`, which names them.

`code.json` is written once, after the wheels and before the first submission.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from backfleet.code.packages import CodePackage
from backfleet.code.stored_code import MAX_CODE_BYTES, MAX_CODE_FILES, is_stored, store_code
from backfleet.code.unpack import check_case
from backfleet.errors import CorruptObject, ObjectMissing, PluginError
from backfleet.store import Store
from backfleet.store.records import encode_record, read_record
from backfleet.strategy_reference import StrategyReference
from backfleet.submission import StoredCode

__all__ = ["KEPT_CODE", "KeptCode", "UnkeptCode", "is_kept", "read_kept_code", "store_packages"]

KEPT_CODE = "code.json"
FORMAT = "code/1"


@dataclass(frozen=True)
class UnkeptCode:
    """A package of which the store keeps only the content hash.

    Attributes
    ----------
    reason
        Why it is not kept, such as "97 MiB in 1,200 files".
    is_folder
        Whether it is the folder of the run's `file.py:Class` strategy.
    """

    name: str
    version: str
    content: str
    reason: str
    is_folder: bool = False


@dataclass(frozen=True)
class KeptCode:
    """The code of a run, as `code.json` stores it.

    Attributes
    ----------
    strategy
        The reference to the strategy, without its folder on the machine that submitted the run.
    is_folder
        Whether the strategy was a `file.py:Class`; its folder is one of the packages.
    packages
        The packages in the store. Backfleet's own and the pinned libraries are not among them.
    not_kept
        The packages that are too large.
    """

    strategy: StrategyReference
    is_folder: bool
    packages: tuple[StoredCode, ...]
    not_kept: tuple[UnkeptCode, ...] = ()

    def write(self, store: Store) -> None:
        """Write the record into a run's store, unless a sound one is there. Raises StoreError."""
        content = encode_record(FORMAT, self)
        # Only a record that cannot be read is replaced: workers may rely on a sound one.
        if not store.put_if_absent(KEPT_CODE, content):
            try:
                read_kept_code(store)
            except CorruptObject:
                store.replace(KEPT_CODE, content)


def read_kept_code(store: Store) -> KeptCode | None:
    """Return the record of a run's code; None if there is none.

    Raises CorruptObject, StoreError.
    """
    try:
        return read_record(store, KEPT_CODE, KeptCode, FORMAT)
    except ObjectMissing:
        return None


def is_kept(store: Store) -> bool:
    """Whether a run's store holds the record of its code, and all that it names, unaltered."""
    try:
        kept = read_kept_code(store)
    except CorruptObject:
        return False
    return kept is not None and is_stored(store, kept.packages)


def store_packages(
    store: Store, strategy: StrategyReference, packages: Iterable[CodePackage]
) -> KeptCode:
    """Write the wheels of a run's code, and return the record that names them.

    Raises PluginError if a package cannot be read, StoreError.
    """
    kept, not_kept = _split(packages)
    return KeptCode(
        # The folder is a path of this machine, which says nothing elsewhere.
        strategy=replace(strategy, folder=None),
        is_folder=strategy.folder is not None,
        packages=tuple(store_code(store, kept)),
        not_kept=tuple(not_kept),
    )


def _split(packages: Iterable[CodePackage]) -> tuple[Sequence[CodePackage], Sequence[UnkeptCode]]:
    kept, not_kept = [], []
    for package in packages:
        reason = _reason_against(package)
        if reason is None:
            kept.append(package)
        else:
            is_folder = package.folder is not None
            not_kept.append(
                UnkeptCode(package.name, package.version, package.content, reason, is_folder)
            )
    return kept, not_kept


def _reason_against(package: CodePackage) -> str | None:
    """Return why a package cannot be kept; None if it can."""
    if len(package.files) > MAX_CODE_FILES or package.size > MAX_CODE_BYTES:
        return f"{package.size / 2**20:,.0f} MiB in {len(package.files):,} files"
    try:
        # A package that cannot be unpacked everywhere is not kept at all.
        check_case(package.files)
    except PluginError as error:
        return str(error)
    return None
