"""The state at the start of a script's run: strategy, broker, sizer and other additions."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backfleet.adopt.broker_setup import BrokerSetup
from backfleet.adopt.class_tables import ClassTable
from backfleet.adopt.named_classes import (
    SignalTables,
    analyzer_tables,
    given_sizer,
    signal_name,
    signal_tables,
    sizer_table,
    unnamed_analyzers,
)
from backfleet.adopt.observation import ObservedParameter, Statement
from backfleet.adopt.python_code import NoCode, PythonCode, arguments_code, python_code_of
from backfleet.class_call import SIGNALS
from backfleet.engines.bt import bt
from backfleet.errors import JobError
from backfleet.job.parameter import Parameter

__all__ = ["Parameters", "Setup"]

SWITCHES = ("quicknotify", "oldsync")
"""Switches of Cerebro that change the numbers."""


@dataclass(frozen=True)
class Parameters:
    """The strategy's parameters: those that a job can set, and the others."""

    parameters: tuple[ObservedParameter, ...]
    statements: tuple[Statement, ...] = ()
    refusals: tuple[str, ...] = ()
    defaults: tuple[ObservedParameter, ...] = ()


@dataclass(frozen=True)
class Setup:
    """A Cerebro when its run begins.

    Attributes
    ----------
    cls
        The strategy's class.
    strategy
        Its code.
    """

    cls: Any
    strategy: PythonCode
    broker: BrokerSetup
    sizer: ClassTable | None
    signals: SignalTables
    analyzers: Mapping[str, ClassTable]
    statements: tuple[Statement, ...]
    notes: tuple[str, ...]
    refusals: tuple[str, ...]

    @classmethod
    def of(cls, cerebro: Any, iterstrat: Sequence[Any]) -> Setup:
        """Read what a Cerebro was given, before anything of it is started."""
        # Further strategies are refused below, but the first one is still described for the
        # message.
        strategy, args, _ = iterstrat[0]
        broker = BrokerSetup.of(cerebro)
        sizer, analyzers = sizer_table(cerebro), analyzer_tables(cerebro)
        signals = signal_tables(cerebro)
        refusals = [*_refusals(cerebro, iterstrat), *broker.refusals]
        statements = list(broker.statements)
        notes: list[str] = []
        try:
            # None means that a job cannot name it, or that there is none, which yields no
            # statement.
            statements += _sizer(cerebro) if sizer is None else ()
            statements += _signals(cerebro) if signals is None else ()
            for part in (_observers, _indicators, _history):
                statements += part(cerebro, strategy)
            statements += _analyzers(cerebro, strategy, analyzers)
        # The first problem ends the statements; the refusal is what counts then.
        except NoCode as error:
            refusals.append(str(error))
        notes += _left_out(cerebro, strategy, analyzers)
        code = PythonCode("")
        try:
            code = python_code_of(strategy)
        except NoCode as error:
            refusals.append(f"the strategy {strategy.__name__} cannot be taken out: {error}")
        if args:
            refusals.append("the strategy is given arguments by position; give them by name")
        return cls(
            strategy, code, broker, sizer, signals or {}, analyzers, tuple(statements),
            tuple(notes), tuple(refusals),
        )  # fmt: skip

    @property
    def classes(self) -> tuple[PythonCode, ...]:
        """Code of the script's classes that the job names."""
        tables = [*self.analyzers.values(), *([] if self.sizer is None else [self.sizer])]
        tables += [table for tables in self.signals.values() for table in tables]
        return (*self.broker.classes, *(t.code for t in tables if t.code is not None))

    def parameters(self, passes: Sequence[Mapping[str, Any]]) -> Parameters:
        """Return the parameters of all passes: values that differ are a sweep."""
        if not _is_strategy(self.cls):
            return Parameters(())
        defaults = dict(self.cls.params._getpairs())
        chosen: list[ObservedParameter] = []
        statements: list[Statement] = []
        refusals: list[str] = []
        # All passes have the same parameters.
        for name in passes[0]:
            # `[signals]` has them.
            if name == SIGNALS and issubclass(self.cls, bt.SignalStrategy):
                continue
            values = _distinct([params[name] for params in passes])
            if name in SIGNAL_SWITCHES and values == [False]:
                continue
            # backtrader hands such arguments to `__init__`, which a job cannot.
            if name not in defaults:
                refusals.append(f"the strategy is given {name}, which is not among its params")
            # In this order: a key of the job, a refused sweep, and a fixed value in a subclass.
            elif (texts := _job_values(name, defaults[name], values)) is not None:
                chosen.append(ObservedParameter(name, texts))
            elif len(values) > 1:
                refusals.append(f"a job cannot sweep the parameter {name} over {values!r}")
            else:
                try:
                    pair = python_code_of((name, values[0]))
                    statements.append(Statement("params", pair, f"the parameter {name}"))
                except NoCode as error:
                    refusals.append(f"the parameter {name} cannot be written: {error}")
        others = {name: value for name, value in defaults.items() if name not in passes[0]}
        return Parameters(
            tuple(chosen), tuple(statements), tuple(refusals), tuple(_defaults(others))
        )


SIGNAL_SWITCHES = ("_accumulate", "_concurrent")
"""Parameters that Cerebro gives to every signal strategy."""


def _defaults(others: Mapping[str, Any]) -> Iterator[ObservedParameter]:
    """The parameters that a job could set, though the script does not."""
    for name, value in others.items():
        texts = _job_values(name, value, [value])
        if texts is not None and not name.startswith("_"):
            yield ObservedParameter(name, texts)


def _is_strategy(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, bt.Strategy)


def _distinct(values: Sequence[Any]) -> list[Any]:
    """The values without repetitions; 1, 1.0 and True are three values."""
    distinct: list[Any] = []
    for value in values:
        # A loop and no set, since values may be lists.
        if not any(type(value) is type(known) and value == known for known in distinct):
            distinct.append(value)
    return distinct


def _job_values(name: str, default: object, values: Sequence[Any]) -> tuple[str, ...] | None:
    """The values as JSON, if a job gives the strategy exactly these; else None."""
    parameter = Parameter.of(name, default)
    texts = []
    for value in values:
        # TOML has no null, and a list in a job becomes a list, where a script may give a tuple.
        if value is None or isinstance(value, (list, tuple)):
            return None
        try:
            same = parameter.coerce(value)
        except JobError:
            return None
        # An int where the default is a float would arrive as a float, and may divide otherwise.
        if type(same) is not type(value) or same != value:
            return None
        texts.append(json.dumps(value))
    return tuple(texts)


def _refusals(cerebro: Any, iterstrat: Sequence[Any]) -> Iterator[str]:
    if len(iterstrat) > 1:
        names = ", ".join(item[0].__name__ for item in iterstrat)
        yield f"{len(iterstrat)} strategies ({names}) share one account; a job has one"
    if not _is_strategy(iterstrat[0][0]):
        yield f"{iterstrat[0][0]!r} only makes a strategy; add the strategy itself"
    for name in SWITCHES:
        if getattr(cerebro.p, name):
            yield f"{name} is switched on, and a job has no such switch"
    if cerebro._pretimers:
        yield "Cerebro has timers of its own; let the strategy add them"
    if cerebro._tradingcal is not None:
        yield "Cerebro has a trading calendar"
    if cerebro._ohistory or cerebro._fhistory is not None:
        yield "orders or fund values of the past are replayed"
    if cerebro.stores:
        yield "the script is connected to a store of live data"


def _sizer(cerebro: Any) -> Iterator[Statement]:
    sizer, args, kwargs = given_sizer(cerebro)
    if sizer is not None:
        call = _call(sizer, args, kwargs, "the sizer")
        code = PythonCode(f"self.setsizer({call.text})", call.imports, call.names)
        yield Statement("start", code, f"the sizer {sizer.__name__}")


def _signals(cerebro: Any) -> Iterator[Statement]:
    for kind, indicator, args, kwargs in cerebro.signals:
        call = _call(indicator, args, kwargs, "the signal")
        text = f"self.signal_add(bt.SIGNAL_{signal_name(kind)}, {call.text})"
        code = PythonCode(text, ("import backtrader as bt", *call.imports), call.names)
        yield Statement("init", code, f"the signal {indicator.__name__}")


def _observers(cerebro: Any, strategy: Any) -> Iterator[Statement]:
    """The observers, if the strategy mentions them: otherwise nobody looks at them in a job."""
    if not _mentions(strategy, "observers", "stats"):
        return
    given = list(cerebro.observers)
    if cerebro.p.stdstats:
        trades = bt.observers.Trades if len(cerebro.datas) == 1 else bt.observers.DataTrades
        # What Cerebro adds by itself if `stdstats` is on, in its order.
        standard = (bt.observers.Broker, False), (bt.observers.BuySell, True), (trades, False)
        given = [(multi, observer, (), {}) for observer, multi in standard] + given
    for multi, observer, args, kwargs in given:
        code = _added("_addobserver", [multi, observer, *args], kwargs, "the observer")
        yield Statement("init", code, f"the observer {observer.__name__}")


def _indicators(cerebro: Any, strategy: Any) -> Iterator[Statement]:
    """Indicators that Cerebro adds: the strategy begins only when they have a value."""
    for indicator, args, kwargs in cerebro.indicators:
        code = _added("_addindicator", [indicator, *args], kwargs, "the indicator")
        yield Statement("init", code, f"the indicator {indicator.__name__}")


def _analyzers(
    cerebro: Any, strategy: Any, tables: Mapping[str, ClassTable]
) -> Iterator[Statement]:
    """The analyzers that a job cannot name, if the strategy mentions analyzers."""
    if not _mentions(strategy, "analyzers"):
        return
    for analyzer, args, kwargs in unnamed_analyzers(cerebro, tables):
        code = _added("_addanalyzer", [analyzer, *args], kwargs, "the analyzer")
        yield Statement("init", code, f"the analyzer {analyzer.__name__}")


def _history(cerebro: Any, strategy: Any) -> Iterator[Statement]:
    if cerebro.p.tradehistory:
        yield Statement("start", PythonCode("self.set_tradehistory(True)"), "the trade history")


def _left_out(cerebro: Any, strategy: Any, tables: Mapping[str, ClassTable]) -> Iterator[str]:
    """Parts of the script that change no number, and a strategy that there is not."""
    if strategy is bt.Strategy:
        yield "the script has no strategy, so the one in the job does nothing; write yours there"
    observers = [item[1].__name__ for item in cerebro.observers]
    if observers and not _mentions(strategy, "observers", "stats"):
        yield f"observers are left out: {', '.join(observers)}"
    if not _mentions(strategy, "analyzers"):
        for analyzer, _, _ in unnamed_analyzers(cerebro, tables):
            yield f"the analyzer {analyzer.__name__} is left out: a job cannot name it so"
    if cerebro.writers or cerebro.p.writer:
        yield "writers are left out"


def _mentions(strategy: Any, *words: str) -> bool:
    """Whether the source of a strategy, or of a base that is not backtrader's, has a word."""
    for cls in strategy.__mro__:
        # backtrader's own classes mention observers and analyzers in every strategy.
        if cls.__module__.partition(".")[0] in ("backtrader", "builtins"):
            continue
        try:
            source = inspect.getsource(cls)
        # A class without a source file, such as one that `type` has made.
        except (OSError, TypeError):
            continue
        if any(word in source for word in words):
            return True
    return False


def _call(called: Any, args: Any, kwargs: Any, label: str) -> PythonCode:
    """The code that calls a class. Raises NoCode with the label of what it stands for."""
    try:
        name, arguments = python_code_of(called), arguments_code(args, kwargs)
    except NoCode as error:
        raise NoCode(f"{label} {called.__name__} cannot be written: {error}") from None
    text = f"{name.text}({arguments.text})"
    return PythonCode(text, name.imports + arguments.imports, name.names + arguments.names)


def _added(method: str, args: Sequence[Any], kwargs: Any, label: str) -> PythonCode:
    try:
        arguments = arguments_code(args, kwargs)
    except NoCode as error:
        raise NoCode(f"{label} cannot be written: {error}") from None
    return PythonCode(f"self.{method}({arguments.text})", arguments.imports, arguments.names)
