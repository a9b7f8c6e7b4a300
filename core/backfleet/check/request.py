"""The job on which a strategy is checked: on the sample data, or on the user's data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import backfleet.demo
from backfleet.job import Data, Job, Overrides
from backfleet.plan.data import source_of
from backfleet.strategy import load_strategy, locate_strategy
from backfleet.vector_strategy import VectorStrategy

__all__ = ["MAX_SYMBOLS", "check_job"]

MAX_SYMBOLS = 5
"""Symbols that are checked if none are named: a fault of a strategy shows on any."""

SAMPLE = {
    "source": "cn-daily",
    "path": str(Path(backfleet.demo.__file__).parent / "data" / "cn-daily"),
    "timezone": "Asia/Shanghai",
}
BROKER = {"cash": 1_000_000.0, "commission": 0.0002}


def check_job(strategy: str, data: str | None, source: str | None, overrides: Overrides) -> Job:
    """Return the job whose first tasks a strategy is checked on.

    Parameters
    ----------
    data
        A job file, of which the data, the broker and the market are taken; or a directory or URL,
        read by `source`; None for the sample data.

    Raises
    ------
    JobError, PluginError, DataError
        If there is no such strategy, file or symbol.
    """
    raw = _raw_job(data, source)
    if _is_cross_sectional(strategy):
        # A strategy that compares symbols needs them in one task. The job takes precedence.
        raw["data"] = {"universe": "portfolio", **raw["data"]}
    job = Job(**overrides.apply({**raw, "strategy": strategy}))
    return job.model_copy(update={"data": _few_symbols(job.data)})


def _raw_job(data: str | None, source: str | None) -> dict[str, Any]:
    if data is None:
        return {"data": SAMPLE, "broker": BROKER}
    if data.endswith(".toml"):
        job = Job.load(data)
        classes: dict[str, Any] = {} if job.sizer is None else {"sizer": job.sizer}
        classes |= {"signals": job.signals} if job.signals else {}
        classes |= {"resources": job.resources}
        classes |= {} if job.market is None else {"market": _given(job.market)}
        return {"data": _given(job.data), "broker": _given(job.broker), **classes}
    # The time zone and all else are the defaults of a job.
    return {"data": {"source": source, "path": data}, "broker": BROKER}


def _given(section: Any) -> Mapping[str, Any]:
    # Only what the job sets, so that a default is not taken for a wish of the user.
    given: Mapping[str, Any] = section.model_dump(exclude_unset=True)
    return given


def _is_cross_sectional(strategy: str) -> bool:
    cls = load_strategy(locate_strategy(strategy))
    return issubclass(cls, VectorStrategy) and cls.is_cross_sectional()


def _few_symbols(data: Data) -> Data:
    """Return the data with some of its symbols, evenly chosen, if all would be taken.

    A portfolio keeps them all: its signals depend on which symbols it has.
    """
    if data.symbols != ("*",) or data.universe == "portfolio":
        return data
    symbols = source_of(data).symbols()
    if not symbols:
        # Planning the job says that the source has none.
        return data
    # Fewer than `MAX_SYMBOLS` symbols are all chosen; `unique` removes the repetitions.
    chosen = np.unique(np.linspace(0, len(symbols) - 1, MAX_SYMBOLS).astype(np.intp))
    return data.model_copy(update={"symbols": tuple(symbols[at] for at in chosen)})
