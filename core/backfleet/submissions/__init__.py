"""Submissions: numbered requests to start workers for a run, and their log in the store.

A submit goes through four modules in this order. `prepare.py` asks every question that can refuse
it and writes nothing; it takes the size and the cost from `workload.py`, the expected duration from
`pace.py`, and the shards from `deal.py`. `launch.py` stores the code, brings data and facts to
the workers (`stage_facts.py`), writes the submission, starts the workers through the executor, and
writes the handle; `interrupts.py` defers a Ctrl-C in between, and `trusted_settings.py` notes whose
settings the handle holds. `submission_log.py` is that log, and `recover.py` finds workers whose
client died in between. `trial_ledger.py` records which points were ever run, and `events.py`
notifies plugins. A `Submission` itself is defined in
`backfleet.submission`, since executors and workers read it too.
"""
