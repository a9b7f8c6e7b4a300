"""All checks of a strategy, in the order in which one builds on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from backfleet.check.check_case import CheckCase
from backfleet.check.determinism import check_determinism
from backfleet.check.engines import check_engines
from backfleet.check.look_ahead import check_look_ahead
from backfleet.check.parameters import check_parameters
from backfleet.check.result import CheckResult, Status
from backfleet.check.running import check_signals, describe_error
from backfleet.check.scale import check_scale
from backfleet.check.warmup import check_warmup
from backfleet.check.wheel import check_wheel
from backfleet.strategy_reference import StrategyReference

__all__ = ["CHECKS", "check_strategy"]

Check = Callable[[Sequence[CheckCase]], CheckResult]

SIGNALS, DETERMINISTIC, WHEEL = "signals", "deterministic", "wheel"

FOUNDATIONS: dict[str, Check] = {SIGNALS: check_signals, DETERMINISTIC: check_determinism}

COMPARISONS: dict[str, Check] = {
    "look-ahead": check_look_ahead,
    "warm-up": check_warmup,
    "scale": check_scale,
    "engines": check_engines,
}

CHECKS = ("parameters", *FOUNDATIONS, *COMPARISONS, WHEEL)
"""Their names, in order."""


def check_strategy(
    subjects: Sequence[CheckCase], strategy: StrategyReference | None = None
) -> Iterator[CheckResult]:
    """Check a strategy on the bars of some tasks; a result a check, as they come.

    Where it raises, makes no signals, or others each time, there is nothing to compare and the
    checks that would compare them are skipped. Without a reference to the strategy, nothing is
    known of where its code lies, and the check of its wheel is left out.
    """
    # It looks only at the class, which all subjects have in common.
    yield check_parameters(subjects[0])
    obstacle = ""
    for name, check in FOUNDATIONS.items():
        result = _skipped(name, obstacle) if obstacle else _guarded(name, check, subjects)
        yield result
        if result.status is Status.FAILED:
            obstacle = f"the check {name!r} failed"
    comparisons = dict(COMPARISONS)
    if strategy is not None:
        comparisons[WHEEL] = partial(check_wheel, strategy=strategy)
    for name, check in comparisons.items():
        yield _skipped(name, obstacle) if obstacle else _guarded(name, check, subjects)


def _guarded(name: str, check: Check, subjects: Sequence[CheckCase]) -> CheckResult:
    """Run a check. An error of the strategy on bars that it was not written for fails the check."""
    try:
        return check(subjects)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Also `SystemExit`: a strategy that calls `sys.exit` must not end the checks.
        return CheckResult(name, Status.FAILED, f"raises {describe_error(error)}")


def _skipped(name: str, obstacle: str) -> CheckResult:
    return CheckResult(name, Status.SKIPPED, f"{obstacle}, so there is nothing to compare")
