"""Sources: they read the bars of a symbol, from files or from the cache of parsed bars.

`files.py` holds `FileSource`, with one file per symbol, on which `csv.py`, `parquet.py` and
`cn_daily.py` build. `csv_file.py`, `plain_rows.py` (compiled) and `parquet_file.py` read a file
into a `Table` (`table.py`), `layout.py` says which column holds what, `times.py` reads dates,
`checks.py` refuses what cannot be bars, and `columns.py` builds `Bars`. `bar_cache.py` keeps parsed
bars in a cache, as files that are mapped into memory (`pack.py`, `index.py`). Many symbols are read
in several processes (`each_symbol.py`, `forked_map.py`). `faults.py` collects everything that is
wrong with the files, `convert.py` writes bars as Parquet, and `importing/` imports the files of any
vendor. `facts.py` reads facts about instruments from their tables (`fact_table.py`).
"""
