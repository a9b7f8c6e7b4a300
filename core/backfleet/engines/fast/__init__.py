"""backtrader made fast: the same results, bit for bit, in a fraction of the time.

`cerebro` decides which way a run takes and records why; `loop` is the lean way through the bars,
with `lines` on shared clocks, `strategy` for what one strategy does on a bar, `listeners` and
`observers` for who watches it. `broker` is the account, on top of `valuing` and `groups`; `placing`
makes its `orders`. `pandas_feed` fills feeds by the column, and `indicators` and `rolling_sums`
compute them so. `remains` gets rid of a run when it is over. Nothing of backtrader's own is
changed: there are subclasses, and replacements on single objects that last as long as a run.
"""
