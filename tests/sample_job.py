"""Jobs on the sample stocks, with the reference job's broker: as a file's text, and as objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import backfleet as bf

__all__ = ["SAMPLE_DATA", "SAMPLE_FACTS", "SAMPLE_SYMBOLS", "job_of", "job_text"]

SAMPLE_DATA = Path(__file__).parent.parent / "examples" / "data" / "cn-daily"
SAMPLE_FACTS = SAMPLE_DATA.parent / "cn-facts"
SAMPLE_SYMBOLS = ("600519", "600559", "600560")

JOB = """
strategy = "{strategy}"

[params]
{params}

[data]
source = "cn-daily"
path = "{data}"
symbols = {symbols}
timezone = "Asia/Shanghai"

[broker]
cash = 100_000
commission = 0.0002
"""


def job_text(
    strategy: str = "sma-crossover",
    params: str = "period = 15",
    *,
    data: Path | str = SAMPLE_DATA,
    symbols: Sequence[str] = SAMPLE_SYMBOLS,
    store: Path | str = "",
) -> str:
    """A job file, by default the reference job's; without a store its runs lie beside it.

    Parameters
    ----------
    params
        The lines of its table `params`.
    """
    text = JOB.format(strategy=strategy, params=params, data=data, symbols=json.dumps(symbols))
    return f'{text}\n[results]\nstore = "{store}"\n' if store else text


def job_of(
    store: Path | str, *, symbols: Sequence[str] = ("600519", "600559"), **more: Any
) -> bf.Job:
    """A job of sma-crossover at two periods; `more` are other keys of a job file."""
    usual: dict[str, Any] = {
        "strategy": "sma-crossover",
        "params": {"period": [10, 15]},
        "data": {
            "source": "cn-daily",
            "path": str(SAMPLE_DATA),
            "symbols": symbols,
            "timezone": "Asia/Shanghai",
        },
        "broker": {"cash": 100_000, "commission": 0.0002},
        "results": {"store": str(store)},
    }
    return bf.Job(**(usual | more))
