"""Which listeners are notified of what on a bar, determined once instead of on every bar.

backtrader walks all analyzers and their children four times a bar and calls methods that mostly do
nothing. Here the calls that do something are listed before the run, in backtrader's order. The
analyzers that nearly everybody attaches have a twin of their method here, used for exactly their
class.

Must equal: every attribute of the analyzers, whenever a strategy can look at them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from backtrader import TimeFrame
from backtrader.analyzer import Analyzer, TimeFrameAnalyzerBase
from backtrader.analyzers import DrawDown, TimeReturn

from backfleet.engines.fast.lines import datetime_of

__all__ = [
    "PHASES",
    "Listener",
    "Step",
    "account_listeners",
    "bar_listeners",
    "event_listeners",
    "method_of",
    "take_first",
    "with_children",
]

Step = Callable[[], Any]
Listener = Callable[[float, float, float, float], Any]
"""Takes cash, value, fund value and fund shares."""

PHASES = ("prenext", "nextstart", "next")
NEVER_ROUNDED_UP = 0.9999
"""A time of day below this, as a fraction, stays on its day when it becomes a datetime."""


def method_of(owner: Any, name: str) -> Callable[..., Any]:
    """A method, looked up at each call if it was assigned to the object, since it may be again."""
    if name in owner.__dict__:
        return lambda *args: getattr(owner, name)(*args)
    method: Callable[..., Any] = getattr(owner, name)
    return method


def with_children(analyzers: Any) -> list[Any]:
    """All analyzers, their children among them."""
    flat: list[Any] = []
    for analyzer in analyzers:
        flat += [analyzer, *with_children(analyzer._children)]
    return flat


def bar_listeners(analyzers: Any, phase: str) -> list[Step]:
    """Return the calls that `Analyzer._next`, `_nextstart` or `_prenext` of all analyzers make."""
    steps: list[Step] = []
    for analyzer in analyzers:
        _add_steps(analyzer, phase, steps)
    return steps


def _add_steps(analyzer: Any, phase: str, steps: list[Step]) -> None:
    # backtrader calls `_next` of an analyzer, which calls that of its children and then `next`.
    inner = getattr(type(analyzer), f"_{phase}")
    # Three kinds: an analyzer by period, with a twin; one with backtrader's `_next`, whose parts
    # are listed one by one; and one with a `_next` of its own, which is called as it is.
    if phase == "next" and inner is TimeFrameAnalyzerBase._next and _has_day_periods(analyzer):
        _add_children(analyzer, phase, steps)
        steps.append(_period_step(analyzer))
    elif inner is getattr(Analyzer, f"_{phase}") and f"_{phase}" not in analyzer.__dict__:
        _add_children(analyzer, phase, steps)
        if not _does_nothing(analyzer, phase):
            steps.append(_own_step(analyzer, phase))
    else:
        steps.append(getattr(analyzer, f"_{phase}"))


def _add_children(analyzer: Any, phase: str, steps: list[Step]) -> None:
    for child in analyzer._children:
        _add_steps(child, phase, steps)


def _does_nothing(analyzer: Any, phase: str) -> bool:
    """Whether a phase's method is backtrader's empty one; the first two default to `next`."""
    called = {phase, "next"} if _inherits(analyzer, phase) else {phase}
    return all(_inherits(analyzer, name) for name in called)


def _inherits(analyzer: Any, name: str) -> bool:
    return (
        getattr(type(analyzer), name) is getattr(Analyzer, name) and name not in analyzer.__dict__
    )


def _own_step(analyzer: Any, phase: str) -> Step:
    # Not `isinstance`: a subclass may have changed any part.
    if type(analyzer) is DrawDown and "next" not in analyzer.__dict__:
        return _draw_down_step(analyzer)
    return method_of(analyzer, phase)


def _draw_down_step(analyzer: Any) -> Step:
    """`DrawDown.next`, which finds its results through attributes of nested dictionaries."""

    def step() -> None:
        # The operations of `DrawDown.next`, in their order
        peak, now = analyzer._maxvalue, analyzer.rets
        money = peak - analyzer._value
        fraction = 100.0 * money / peak
        now["moneydown"] = money
        now["drawdown"] = fraction
        worst = now["max"]
        if money > worst["moneydown"]:
            worst["moneydown"] = money
        if fraction > worst["drawdown"]:
            worst["drawdown"] = fraction
        # A drawdown of 0 ends it.
        now["len"] = length = now["len"] + 1 if fraction else 0
        if length > worst["len"]:
            worst["len"] = length

    return step


# Analyzers by period


def _has_day_periods(analyzer: Any) -> bool:
    """Whether the analyzer's periods are whole days of the strategy's naive times."""
    cls: Any = type(analyzer)
    own = ("_dt_over", "_get_dt_cmpkey")
    return bool(
        TimeFrame.Days <= analyzer.timeframe <= TimeFrame.Years
        and all(getattr(cls, name) is getattr(TimeFrameAnalyzerBase, name) for name in own)
        and not {"_next", *own} & set(analyzer.__dict__)
        # With a zone, a day of the zone is not a whole number.
        and analyzer.strategy.lines.datetime._tz is None
    )


@lru_cache(maxsize=65536)
def _period_of(timeframe: int, day: int) -> tuple[Any, Any]:
    """backtrader's number and key of the period that a day lies in."""
    moment = datetime.datetime.fromordinal(day)
    # backtrader's method, which reads nothing of the analyzer but this
    stand_in = SimpleNamespace(timeframe=timeframe)
    return TimeFrameAnalyzerBase._get_dt_cmpkey(stand_in, moment)  # type: ignore[no-any-return]


def _period_step(analyzer: Any) -> Step:
    """`TimeFrameAnalyzerBase._next`, without its children."""
    timeframe, line = analyzer.timeframe, analyzer.strategy.lines.datetime
    own_next = _own_period_step(analyzer)

    def step() -> None:
        number = line[0]
        day = int(number)
        # Rounded to microseconds, such a moment can be the next day's midnight.
        if number - day > NEVER_ROUNDED_UP and datetime_of(number).toordinal() != day:
            over = analyzer._dt_over()
        else:
            compared, key = _period_of(timeframe, day)
            # As `_dt_over`
            over = analyzer.dtcmp is None or compared > analyzer.dtcmp
            if over:
                analyzer.dtkey, analyzer.dtkey1 = key, analyzer.dtkey
                analyzer.dtcmp, analyzer.dtcmp1 = compared, analyzer.dtcmp
        if over:
            analyzer.on_dt_over()
        own_next()

    return step


def _own_period_step(analyzer: Any) -> Step:
    if type(analyzer) is not TimeReturn or "next" in analyzer.__dict__:
        return method_of(analyzer, "next")

    def step() -> None:
        value = analyzer._value
        # As `TimeReturn.next`
        analyzer.rets[analyzer.dtkey] = (value / analyzer._value_start) - 1.0
        analyzer._lastvalue = value

    return step


# Orders and trades


def event_listeners(analyzers: Any, event: str) -> list[Callable[[Any], Any]]:
    """Return the calls that the analyzers' `_notify_order` or `_notify_trade` make."""
    listeners: list[Callable[[Any], Any]] = []
    for analyzer in analyzers:
        inner = f"_notify_{event}"
        # Its own way of passing an event on, to its children as well
        if getattr(type(analyzer), inner) is not getattr(Analyzer, inner):
            listeners.append(getattr(analyzer, inner))
            continue
        listeners += event_listeners(analyzer._children, event)
        if not _inherits(analyzer, f"notify_{event}"):
            listeners.append(method_of(analyzer, f"notify_{event}"))
    return listeners


# The account


def account_listeners(analyzers: Any) -> list[Listener]:
    """Return the calls of the analyzers' `_notify_cashvalue` and `_notify_fund`, in turns."""
    listeners: list[Listener] = []
    for analyzer in analyzers:
        # Analyzer by analyzer, and for each both methods, as `Strategy._notify` calls them
        for name, count in (("cashvalue", 2), ("fund", 4)):
            _add_listeners(analyzer, name, count, listeners)
    return listeners


def _add_listeners(analyzer: Any, name: str, count: int, listeners: list[Listener]) -> None:
    inner = f"_notify_{name}"
    if getattr(type(analyzer), inner) is not getattr(Analyzer, inner):
        listeners.append(take_first(getattr(analyzer, inner), count))
        return
    for child in analyzer._children:
        _add_listeners(child, name, count, listeners)
    if not _inherits(analyzer, f"notify_{name}"):
        listeners.append(_own_listener(analyzer, name, count))


def take_first(listener: Any, count: int) -> Listener:
    """A listener that takes as many of the four numbers."""
    if count == 4:
        return listener  # type: ignore[no-any-return]
    return lambda cash, value, fund_value, shares: listener(cash, value)


def _own_listener(analyzer: Any, name: str, count: int) -> Listener:
    """For the two best-known analyzers, what their `notify_fund` does with a portfolio's value."""
    # In fund mode, both take the value of a fund share.
    replaced = f"notify_{name}" in analyzer.__dict__ or getattr(analyzer, "_fundmode", True)
    if type(analyzer) is DrawDown and not replaced:
        return _peak_listener(analyzer)
    if type(analyzer) is TimeReturn and not replaced and analyzer.p.data is None:
        return _value_listener(analyzer)
    return take_first(method_of(analyzer, f"notify_{name}"), count)


def _peak_listener(analyzer: Any) -> Listener:
    def listen(cash: float, value: float, fund_value: float, shares: float) -> None:
        analyzer._value = value
        if value > analyzer._maxvalue:
            analyzer._maxvalue = value

    return listen


def _value_listener(analyzer: Any) -> Listener:
    def listen(cash: float, value: float, fund_value: float, shares: float) -> None:
        analyzer._value = value

    return listen
