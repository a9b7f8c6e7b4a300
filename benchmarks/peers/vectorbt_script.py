"""The sweep as a vectorbt user runs it: from prices on disk to metrics on disk, in one process."""

# mypy: ignore-errors

import sys

import numpy as np
import pandas as pd
import vectorbt as vbt
from protocol import CASH, COMMISSION, PERIODS, Market

CHUNK = 25
PRICES, RESULTS = sys.argv[1:]

market = Market.load(PRICES)
days = pd.DatetimeIndex(market.times.astype("datetime64[ns]"))
results = []
for first in range(0, len(market.close), CHUNK):
    part = slice(first, first + CHUNK)
    opened, close = (
        pd.DataFrame(market.open[part].T, days),
        pd.DataFrame(market.close[part].T, days),
    )
    averages = vbt.MA.run(close, list(PERIODS))
    entries = averages.close_above(averages.ma).vbt.signals.fshift(1)
    exits = averages.close_below(averages.ma).vbt.signals.fshift(1)
    tiled = np.tile(close.to_numpy(), (1, len(PERIODS)))
    portfolio = vbt.Portfolio.from_signals(
        pd.DataFrame(tiled, index=days, columns=entries.columns),
        entries,
        exits,
        price=np.tile(opened.to_numpy(), (1, len(PERIODS))),
        fees=COMMISSION,
        init_cash=CASH,
        freq="1D",
    )
    results.append(
        pd.DataFrame(
            {
                "final_value": portfolio.final_value(),
                "sharpe": portfolio.sharpe_ratio(),
                "max_drawdown": portfolio.max_drawdown(),
                "trades": portfolio.trades.count(),
            }
        )
    )
pd.concat(results).to_csv(RESULTS)
