"""A Cerebro that records what a script does with it. Everything runs on plain backtrader."""

# mypy: allow-subclassing-any

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backfleet.adopt.feeds import observed_feeds
from backfleet.adopt.observation import (
    RECORD_FORMAT,
    ObservedPoint,
    ObservedRun,
    run_file,
)
from backfleet.adopt.python_code import MAIN, NoCode, PythonCode, python_code_of
from backfleet.adopt.setup import Setup
from backfleet.engines.bt import bt
from backfleet.store.records import encode_record

__all__ = ["ObservationLog", "recording_runs"]


class ObservationLog:
    """Keeps what was observed in a folder: a record of each run, written when the run has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.next_run = 0

    def add(self, run: ObservedRun) -> None:
        """Add a run that has ended."""
        # At once, since the script may end, or be killed, before the next run has ended.
        (self.folder / run_file(self.next_run)).write_bytes(encode_record(RECORD_FORMAT, run))
        self.next_run += 1


@contextmanager
def recording_runs(log: ObservationLog) -> Iterator[None]:
    """Put a Cerebro that records in the place of backtrader's own."""
    stock = bt.Cerebro
    recorder = _recording_cerebro(stock, log)
    # Both names, since scripts import it from either module.
    bt.Cerebro = bt.cerebro.Cerebro = recorder
    try:
        yield
    finally:
        bt.Cerebro = bt.cerebro.Cerebro = stock


def _recording_cerebro(stock: Any, log: ObservationLog) -> Any:
    class Cerebro(stock):
        # Scripts print it and look for it.
        __module__ = stock.__module__
        __doc__ = stock.__doc__

        _recorder: _RunRecorder | None = None

        def optstrategy(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
            # Generators give their values only once.
            swept = {
                name: value
                if isinstance(value, str) or not hasattr(value, "__iter__")
                else [*value]
                for name, value in kwargs.items()
            }
            super().optstrategy(strategy, *args, **swept)

        def run(self, **kwargs: Any) -> Any:
            # backtrader returns at once, and there is nothing to adopt.
            if not self.datas:
                return super().run(**kwargs)
            self._recorder = recorder = _RunRecorder(self, log)
            # If it raises, the run is not recorded, and the script sees the error.
            result = super().run(**_observable(self, kwargs))
            self._recorder = None
            log.add(recorder.observed())
            return result

        def runstrategies(self, iterstrat: Any, predata: bool = False) -> Any:
            recorder = self._recorder
            if recorder is not None:
                recorder.before(iterstrat)
            result = super().runstrategies(iterstrat, predata)
            if recorder is not None:
                recorder.after(iterstrat)
            return result

        # Plots need a display and matplotlib, and change no number.
        def plot(self, *args: Any, **kwargs: Any) -> list[Any]:
            return []

    return Cerebro


def _observable(cerebro: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a run, without those that hide it from this process."""
    seen = dict(kwargs)
    if cerebro._dooptimize:
        # With more processes, the passes would run where nothing records them.
        seen["maxcpus"] = 1
    # `exactbars` lets lines forget old bars, which are the data of the job.
    saving = int(kwargs.get("exactbars", cerebro.p.exactbars))
    if saving:
        # The bars come in the same way, but memory is not saved, or they would be gone.
        seen |= {"exactbars": False, "runonce": False}
        if saving > 0:
            seen["preload"] = False
    return seen


class _RunRecorder:
    """Records one call of `Cerebro.run`."""

    def __init__(self, cerebro: Any, log: ObservationLog) -> None:
        self._cerebro = cerebro
        self._log = log
        self._setup: Setup | None = None
        self._feeds: Any = ()
        self._globals: Mapping[str, PythonCode] = {}
        self._passes: list[tuple[Mapping[str, Any], str | None]] = []

    def before(self, iterstrat: Any) -> None:
        """Note what counts when the first pass begins."""
        # The first pass stands for all: they differ in parameters only.
        if self._setup is None:
            self._setup = Setup.of(self._cerebro, iterstrat)
            self._globals = _plain_globals()

    def after(self, iterstrat: Any) -> None:
        """Note how a pass ended."""
        ran = self._cerebro.runningstrats
        if not self._passes:
            file = self._log.folder, self._log.next_run
            self._feeds = observed_feeds(self._cerebro, *file)
        # No strategy has run if it raised a StrategySkipError.
        value = repr(float(self._cerebro.broker.getvalue())) if ran else None
        self._passes.append((iterstrat[0][2], value))

    def observed(self) -> ObservedRun:
        # `run` calls `runstrategies` at least once if there is data.
        assert self._setup is not None
        chosen = self._setup.parameters([params for params, _ in self._passes])
        names = [parameter.name for parameter in chosen.parameters if len(parameter.values) > 1]
        points = [
            ObservedPoint({name: json.dumps(params[name]) for name in names}, value)
            for params, value in self._passes
        ]
        feeds = self._feeds
        return ObservedRun(
            strategy=self._setup.strategy,
            feeds=feeds.feeds,
            params=chosen.parameters,
            points=tuple(points),
            broker=self._setup.broker.table,
            sizer=None if self._setup.sizer is None else self._setup.sizer.table,
            signals={
                kind: tuple(named.table for named in tables)
                for kind, tables in self._setup.signals.items()
            },
            analyzers={name: named.table for name, named in self._setup.analyzers.items()},
            classes=self._setup.classes,
            statements=(*chosen.statements, *self._setup.statements, *feeds.statements),
            notes=(*self._setup.notes, *feeds.notes),
            refusals=(*self._setup.refusals, *chosen.refusals, *feeds.refusals),
            globals=self._globals,
            defaults=chosen.defaults,
        )


def _plain_globals() -> dict[str, PythonCode]:
    """The script's names whose values are plain."""
    values: dict[str, PythonCode] = {}
    for name, value in list(vars(sys.modules[MAIN]).items()):
        # Functions and classes are taken from the source.
        if name.startswith("__") or callable(value):
            continue
        try:
            values[name] = python_code_of(value)
        except NoCode:
            continue
    return values
