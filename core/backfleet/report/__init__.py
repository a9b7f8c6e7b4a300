"""Reports: HTML pages that hold everything they need and ask no network.

`sweep_page.py`, `task_page.py` and `comparison_page.py` build the three kinds of page from a `Run`.
`page.py` joins a template (`templates/`), tables for the page's script (`data_table.py`), figures
(`figures/`) and the scripts and styles of `static/`, under a policy that forbids the network.
`metric_words.py` gives columns their labels and formulas. `task_data.py` reads one task,
`task_account.py`, `task_holdings.py`, `against_benchmark.py` and `task_tables.py` prepare it;
`sensitivity.py` and `equity_fan.py` prepare a sweep, `pair_tables.py` a comparison. `plot.py` draws
the main figure in a notebook.
"""
