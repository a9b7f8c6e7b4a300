"""Chunks: the objects that workers commit, a contiguous range of tasks as rows and blobs.

`task_result.py` is the result of one task. `rows.py` lays out results as columns
(`column_names.py`) with a logical hash over everything that two equal results agree in. `sums.py`
and `detail.py` lay out sums and details after `schemas.py` (`table_names.py`), `date_sums.py`
collects returns by date, and `date_sums_format.py` stores them. `chunk.py` is the stored object: a
line with format and checksum, a header, and Parquet (`parquet.py`, `arrow.py`). `commit.py` writes
blobs first and then the chunk, at most once. `parts.py` holds finished tasks of a chunk that is not
complete yet, and describes how workers finish a chunk together.
"""
