"""Validation: is the result of a sweep more than luck, and does it hold out of sample?

The room reads and stores nothing. Sums of returns (`metrics/sums.py`) enter, statistics leave as
frozen dataclasses; a statistic with too little data is a value of `missing.py` that names the
number needed. Start with `moments.py` and `sharpe.py`: the Sharpe ratio, its error, PSR, DSR and
MinTRL against the luck of `luck.py`. `cscv.py` computes PBO and `noise_band.py` what noise gives.
`bootstrap.py` and `superior_ability.py` resample, `windows.py` cuts folds, `accounts.py` joins
series, `trials.py` and `multiple_testing.py` weigh many trials. `verdict.py` writes the sentences.
"""
