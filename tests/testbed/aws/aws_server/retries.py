"""Whether Batch starts a job that has failed once more."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from .tasks import Ended

__all__ = ["TIMED_OUT", "is_retried"]

TIMED_OUT = "Job attempt duration exceeded timeout"


def is_retried(strategy: Mapping[str, Any], attempts: int, ended: Ended) -> bool:
    """As the retryStrategy says: the first rule of evaluateOnExit that fits; with none, retry."""
    if attempts >= int(strategy.get("attempts") or 1) or ended.status_reason == TIMED_OUT:
        return False
    for rule in strategy.get("evaluateOnExit") or ():
        if _fits(rule, ended):
            return str(rule["action"]).upper() == "RETRY"
    return True


def _fits(rule: Mapping[str, str], ended: Ended) -> bool:
    facts = {
        "onExitCode": "" if ended.exit_code is None else str(ended.exit_code),
        "onReason": ended.reason or "",
        "onStatusReason": ended.status_reason,
    }
    return all(fnmatchcase(fact, rule[key]) for key, fact in facts.items() if key in rule)
