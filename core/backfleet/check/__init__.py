"""Checks of a strategy: whether its numbers can be trusted, before it is swept.

`suite.py` is the entry point: it runs all checks in an order in which one builds on another.
`request.py` says on which bars, `subject.py` is the strategy on the bars of one task, and
`signals.py` are its signals bar by bar. Each check is one module and returns a `result.py`:
`parameters.py`, `running.py`, `determinism.py`, `look_ahead.py`, `warmup.py` and `scale.py` (with
the changed bars of `other_bars.py`), `engines.py`, and `wheel.py`, which runs the strategy's code
from its wheel in the fresh process of `alone.py`.
"""

from __future__ import annotations

from backfleet.check.result import CheckResult, Status
from backfleet.check.subject import Subject, subjects_of
from backfleet.check.suite import CHECKS, check_strategy

__all__ = ["CHECKS", "CheckResult", "Status", "Subject", "check_strategy", "subjects_of"]
