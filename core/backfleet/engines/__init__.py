"""Engines: each simulates one task and returns its `Outcome`. All agree bit for bit.

`backtrader_stock.py` is the reference, plain backtrader. `backtrader.py` uses the classes in
`fast/`, which replace the hot paths of backtrader and fall back if a feature is unsupported.
`vector/` simulates a `VectorStrategy` in compiled code. `cerebro.py` runs a strategy on backtrader
with the feeds of `feed.py` and the `recorder.py`, and `build_outcome.py` builds the outcome;
`analyzer_results.py` turns the results of analyzers into columns and details.
`broker.py` holds the broker rules that backtrader lacks.
"""
