"""The vector engine: it simulates a `VectorStrategy` in compiled code.

`engine.py` chooses between `points.py` for one symbol and `portfolio.py` for several with one cash
pool. Both ask the strategy for its targets (`targets.py`, `panels.py`, `auxiliary.py`) and call a
loop over the bars: `simulate.py`, or `portfolio_simulate.py` with its broker and protective orders.
The loops share `sizing.py`, which turns targets into orders, `broker.py`, which fills them,
`protective_orders.py`, and `write_records.py`. `rules.py`, `settings.py` and `state.py` hold the
numbers that they work on, and `growing_buffers.py` makes room for records. `backtrader_adapter.py`
runs the same strategy on backtrader.
"""
