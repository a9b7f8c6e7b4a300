"""Results: the rows and details of a run, read from its chunks.

`chunk_index.py` lists the valid chunks of a run and knows what is missing, retryable or damaged;
`part_index.py` counts finished tasks of missing chunks. `read.py` returns all rows as one table:
from the compacted file (`compact.py`) if it is current, otherwise assembled from the chunks
(`assemble.py`). `large_rows.py` finds the leaders and a sample of rows that are too many for that.
`detail.py` returns equity, orders, fills and trades, `logs.py` what tasks printed,
`sums.py` the sums of the tasks' returns, and `point_sums.py` those of each point over its symbols,
from the returns that `date_sums.py` reads.
`daily.py` derives daily returns from the equity. `scores.py` has the Sharpe ratios of all tasks.
`query.py` runs SQL over the tables of `tables.py`: that of a user in a child process, with
`sql_limits.py` (`sql_process.py` on this side, `sql_child.py` on the other, `duckdb_session.py` in
both). `export.py` writes rows in other formats. `match.py` and `compare.py` put two runs side by
side, and `row_problems.py` describes failed and suspicious rows in words.
"""
