"""backtrader made fast: the same results, bit for bit, in a fraction of the time.

`cerebro` decides which way a run takes and records why; `loop` is the lean way through the bars,
with `lines` on shared clocks, `strategy` for what one strategy does on a bar, `listeners` and
`observers` for who watches it; `broker`, `orders` and `positions` are the account; `pandas_feed`
fills feeds by the column, and `indicators` and `rolling_sums` compute them so. Nothing of
backtrader's own is changed: there are subclasses, and replacements on single objects that last as
long as a run.
"""
