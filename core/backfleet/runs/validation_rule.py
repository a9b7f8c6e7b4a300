"""The rule of `[validation]` that a run was last submitted with. It is outside the run's id."""

from __future__ import annotations

from dataclasses import dataclass

from backfleet.errors import CorruptObject, JobError, ObjectMissing
from backfleet.job import Validation
from backfleet.store import Store
from backfleet.store.records import decode_record, encode_record

__all__ = ["RULE", "decode_rule", "read_rule", "save_rule"]

FORMAT = "validation/1"
RULE = "validation.json"
MAX_RULE_BYTES = 16 * 2**10


@dataclass(frozen=True)
class StoredRule:
    """The fields of `validation.json`, as the job file writes them; None where it sets none."""

    windows: str | None
    train: str | None
    test: str | None
    step: str | None
    groups: int
    test_groups: int
    purge: int
    embargo: int
    start: str
    select: str
    where: str | None
    plateau: bool
    per: str
    holdout: str | None


def save_rule(store: Store, rule: Validation) -> None:
    """Store the windows and the rule of a job with its run; those of an earlier submit are
    replaced, and a job without windows and holdout leaves them. Raises StoreError."""
    if rule.windows is None and rule.holdout is None:
        return
    # The excluded keys are of the trial ledger, which has its own record of them.
    fields = rule.model_dump(mode="json", exclude={"family", "prior_trials", "prior_note"})
    content = encode_record(FORMAT, StoredRule(**fields))
    if not store.exists(RULE) or store.read(RULE) != content:
        store.replace(RULE, content)


def read_rule(store: Store) -> Validation | None:
    """Return the rule that is stored with a run; None without one.

    Raises CorruptObject, StoreError.
    """
    try:
        return decode_rule(store.read(RULE, MAX_RULE_BYTES))
    except ObjectMissing:
        return None
    except CorruptObject as error:
        raise CorruptObject(f"{store.url}/{RULE}: {error}") from error


def decode_rule(content: bytes) -> Validation:
    """Return the rule that `save_rule` wrote. Raises CorruptObject."""
    stored = decode_record(StoredRule, FORMAT, content)
    try:
        return Validation(**vars(stored))
    except JobError as error:
        raise CorruptObject(str(error)) from error
