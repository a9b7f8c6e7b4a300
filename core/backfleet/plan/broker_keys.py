"""Which engines know which keys of a job's broker.

Workers import this before their strategy, so it stays light.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from backfleet.errors import JobError
from backfleet.job.refusal import nearest

if TYPE_CHECKING:
    from backfleet.job import Broker, Job

__all__ = ["check_broker", "check_symbols", "unknown_to_vector"]

PLAIN = frozenset(
    {
        "cash",
        "commission",
        "commission.rate",
        "minimum_commission",
        "slippage",
        "slippage.per_share",
    }
)
"""The settings that every engine knows."""
MARKET = PLAIN | {
    "commission.per_share",
    "commission.per_order",
    "slippage.rate",
    "slippage.open",
    "slippage.limit",
}
VECTOR = MARKET | {"commission.multiplier", "slippage.out"}
BACKTRADER = ("backtrader", "backtrader-stock")
OF_SYMBOL = re.compile(r"symbols\..*?\.(?=commission\b|minimum_commission\b)")


def check_symbols(
    broker: Broker, symbols: Sequence[str], in_source: Callable[[], Sequence[str]]
) -> None:
    """Raise JobError for costs of a symbol that is neither among the run's nor in its source."""
    missing = sorted({*broker.symbols} - {*symbols})
    known = in_source() if missing else ()
    for symbol in missing:
        if symbol not in known:
            raise JobError(
                f"broker.symbols.{symbol}: the source has no symbol {symbol!r}"
                f"{nearest(symbol, known)}"
            )


def unknown_to_vector(job: Job) -> str | None:
    """Return the first key of the job's broker, sizer and analyzers that the engine `vector` does
    not know; None if it knows all of them."""
    # In one loop over many symbols, all have the same costs.
    return _unknown(job, VECTOR, has_symbols=job.data.universe == "each") or _of_backtrader(job)


def check_broker(job: Job, engines: Sequence[str]) -> None:
    """Raise JobError for settings that an engine or the market does not know."""
    if job.market is not None and (key := _unknown(job, MARKET, has_symbols=True)):
        raise JobError(f"{key}: the rules of a market exclude it. Remove it, or remove [market]")
    for engine in engines:
        if engine in BACKTRADER:
            continue
        plain = _unknown(job, PLAIN) or _of_backtrader(job)
        unknown = unknown_to_vector(job) if engine == "vector" else plain
        if unknown is not None:
            raise JobError(
                f"{unknown}: the engine {engine!r} does not know it. Use engine = 'backtrader', "
                "or remove the key"
            )


def _of_backtrader(job: Job) -> str | None:
    if job.sizer is not None:
        return "sizer"
    return "results.analyzers" if job.results.analyzers else None


def _unknown(job: Job, known: frozenset[str], *, has_symbols: bool = False) -> str | None:
    """The first key of the broker that is not among those. `has_symbols` says whether they may be
    those of one symbol."""
    for key in job.broker.changed_keys():
        general = OF_SYMBOL.sub("", key) if has_symbols else key
        if general not in known:
            return f"broker.{key}"
    return None
