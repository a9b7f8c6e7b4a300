"""Plan: a job becomes a manifest, without running anything.

Start with `plan.py`: it locates the strategy, enumerates the points (`signals.py` adds parameters
of signals), opens the source and digests each symbol's bars (`data.py`), and `identify.py` combines
everything into an `Identity`, whose hash is the run's id. `bad_symbols.py` words the error about
symbols that cannot be used. `manifest.py` adds the symbols and the chunks (`chunk_size.py`),
`manifest_store.py` writes and reads the result. `windows.py` cuts training and test windows.
`task_keys.py` names a task independently of its run, `point_hashes.py` a point, and the `known_*`
modules find and copy rows that earlier runs of the store have computed. `check_code.py` compares
the code that a worker finds with the identity. Planning writes only caches.
"""
