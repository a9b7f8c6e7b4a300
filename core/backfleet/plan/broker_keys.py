"""Checks whether the engines of a job know the keys of its broker.

Workers import this before their strategy, so it stays light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from backfleet.broker_settings import MARKET_KEYS, PLAIN_KEYS, VECTOR_KEYS
from backfleet.errors import JobError
from backfleet.job.job_errors import suggestion
from backfleet.plan.broker import broker_settings

if TYPE_CHECKING:
    from backfleet.job import Broker, Job

__all__ = ["check_broker", "check_symbols", "unknown_to_vector"]

BACKTRADER = ("backtrader", "backtrader-stock")


def check_symbols(
    broker: Broker, symbols: Sequence[str], in_source: Callable[[], Sequence[str]]
) -> None:
    """Raise JobError for costs of a symbol that is neither among the run's nor in its source."""
    missing = sorted({*broker.symbols} - {*symbols})
    # Listing a source can take a request, so it is listed only to explain what is missing.
    known = in_source() if missing else ()
    for symbol in missing:
        # A symbol of the source that this job leaves out may keep its costs in the job file.
        if symbol not in known:
            raise JobError(
                f"broker.symbols.{symbol}: the source has no symbol {symbol!r}"
                f"{suggestion(symbol, known)}"
            )


def unknown_to_vector(job: Job) -> str | None:
    """Return the first key of the job's broker, feeds, sizer and analyzers that the engine `vector`
    does not know; None if it knows all of them."""
    # In one loop over many symbols, all have the same costs.
    is_each = job.data.universe == "each"
    return _unknown(job, VECTOR_KEYS, has_symbols=is_each) or _of_backtrader(job)


def check_broker(job: Job, engines: Sequence[str]) -> None:
    """Raise JobError for settings that an engine or the market does not know."""
    if job.market is not None and (key := _unknown(job, MARKET_KEYS, has_symbols=True)):
        raise JobError(f"{key}: the rules of a market exclude it. Remove it, or remove [market]")
    for engine in engines:
        if engine in BACKTRADER:
            continue
        plain = _unknown(job, PLAIN_KEYS) or _of_backtrader(job)
        unknown = unknown_to_vector(job) if engine == "vector" else plain
        if unknown is not None:
            raise JobError(
                f"{unknown}: the engine {engine!r} does not know it. Use engine = 'backtrader', "
                "or remove the key"
            )


def _of_backtrader(job: Job) -> str | None:
    if job.data.feeds:
        return "data.feeds"
    if job.sizer is not None:
        return "sizer"
    if job.signals:
        return "signals"
    return "results.analyzers" if job.results.analyzers else None


def _unknown(job: Job, known: frozenset[str], *, has_symbols: bool = False) -> str | None:
    # In their canonical form: a key that is written out as its default is no reason to refuse.
    settings = broker_settings(job.broker, list(job.broker.symbols))
    key = settings.unknown_key(known, has_symbols=has_symbols)
    return None if key is None else f"broker.{key}"
