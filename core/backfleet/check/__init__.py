"""Checks of a strategy: whether its numbers can be trusted, before it is swept.

`suite.py` is the entry point: it runs all checks in an order in which one builds on another.
`request.py` says on which bars, `check_case.py` is the strategy on the bars of one task, and
`signals.py` are its signals bar by bar. Each check is one module and returns a `result.py`:
`parameters.py`, `running.py`, `determinism.py`, `look_ahead.py`, `warmup.py` and `scale.py` (with
the changed bars of `other_bars.py`), `engines.py`, and `wheel.py`, which runs the strategy's code
from its wheel in the fresh process of `isolated.py`.
"""

from __future__ import annotations

from backfleet.check.check_case import CheckCase, check_cases_of
from backfleet.check.result import CheckResult, Status
from backfleet.check.suite import CHECKS, check_strategy

__all__ = ["CHECKS", "CheckCase", "CheckResult", "Status", "check_cases_of", "check_strategy"]
