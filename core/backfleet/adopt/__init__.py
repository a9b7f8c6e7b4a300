"""From somebody's plain backtrader script to a job: `backfleet adopt`.

A script and its arguments enter; a folder with a job, a strategy file and data leaves it. Start in
`adopt.py`, which goes from end to end. `script.py` runs the script in a child process (`child.py`),
where a recording Cerebro (`recording.py`) notes the strategy, feeds and broker (`feeds.py`,
`setup.py`, `broker_setup.py`, `named_classes.py`, `class_tables.py`, `python_code.py`) as the
dataclasses of `observation.py`. `choice.py` picks one run of the script, `strategy_source.py` takes
the strategy out of the source, `strategy_file.py`, `feed_names.py`, `data_files.py` and
`job_file.py` write the folder, and `proof.py` runs the job and compares final values.
"""
