"""The text of jobs on the sample stocks, with the reference job's broker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

__all__ = ["SAMPLE_DATA", "SAMPLE_SYMBOLS", "job_text"]

SAMPLE_DATA = Path(__file__).parent.parent / "examples" / "data" / "cn-daily"
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
