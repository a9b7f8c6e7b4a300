"""backtrader made fast: the same results, bit for bit, in a fraction of the time.

`cerebro` decides which way a run takes and records why, with `conditions` and `moving_code`.
`loop` is the fast loop over the bars, with `lines` on shared cursors; `strategy` handles one
strategy on a bar, `signals` its signals, and `listeners` and `observers` those that watch it.
`broker` is the account, on top of `mark_to_market` and `groups`; `order_entry` creates its
`orders`. `column_feeds` has feeds filled by the column, in `pandas_feed` or `csv_feed`. Where
backtrader goes bar by bar, so does `bar_by_bar`, with `played_feeds` and `columns`, or backtrader
itself does on `quick_lines`. `indicators` has them computed by the column, by `indicator_twins`
with `rolling_sums` or by `plain_twins`, or on a cursor, by `via_next`. A small run of a script
without pandas does without numpy, which takes longer to import. `heap` keeps garbage collections
short, and `release` frees a run's memory when it is over. backtrader itself is not changed: there
are subclasses, and replacements on single objects that last as long as a run.
"""
