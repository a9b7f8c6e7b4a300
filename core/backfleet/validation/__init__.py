"""Validation: is the result of a sweep more than luck, and does it hold out of sample?

The room writes nothing. Sums of returns (`metrics/sums.py`) enter, statistics leave as frozen
dataclasses, or as a value of `missing.py` that names the number needed. Start with `moments.py` and
`sharpe.py` (PSR, DSR, MinTRL), tested against `luck.py`. `cscv.py` computes PBO, `noise_band.py`
that of noise. `bootstrap.py` and `superior_ability.py` resample, `accounts.py` joins series,
`trials.py` and `multiple_testing.py` weigh many trials, `trial_counts.py` counts those of a store's
ledger. `folds.py` chooses points in training windows (`selection.py`), `out_of_sample.py` joins
what they earn in the tests, and `walk_forward.py` holds the result. `verdict.py` reaches the
verdict on one trial, and `wording.py` says it.

`run_verdict.py` reaches all verdicts on a stored run (`run_data.py`): on its best task and on the
best point of each symbol (`task_verdicts.py`), and on its best point over all symbols
(`point_verdict.py`, or `mean_choice.py` without series of points). `run_wording.py` and
`verdict_json.py` put them into words and JSON.
"""
