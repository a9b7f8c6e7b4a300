"""Code: the modules and files that a run depends on, from their hashes to the workers.

`imports.py` follows imports through source files without running them, and `hashes.py` hashes what
they reach; `own_code.py` does so for backfleet itself, and `logic.py` leaves out comments.
`packages.py` groups the files into packages, `wheel.py` packs one reproducibly, `stored_code.py`
and `kept_code.py` keep packages in a run's store, and `ship_code.py` decides which of them workers
lack. On the other side, `fetched_code.py` and `unpack.py` bring them to a worker.
`declared_files.py` are the job's `files`; `open_recorder.py` records the files that strategy code
opens beside them.
"""
