"""Runs: the client's side of a run, from its start to its end, and afterwards.

`start.py` offers `run` and `submit`: it plans a job and hands it to `RunControl` (`control.py`),
which starts, waits (`watch.py`), resumes and cancels. `Run` (`run.py`) only reads: counts, state,
rows, details and queries; `workers.py` asks the executors. `open.py` and `naming.py` resolve what a
user typed, `listing.py` (with `facts.py` and `listing_cache.py`) and `query.py` work on all runs of
a store. `folds.py` chooses points in training windows, and `verdict.py` says whether the best is
more than luck. `ablation.py` and `run_ablation.py` compute the costs of a market's rules.
`verify.py` runs tasks again and compares them with the stored ones, `run_task.py` runs one in this
process, both with the code that `task_code.py` chooses, and `doctor.py` checks the installation.
Progress is always derived from the store.
"""
