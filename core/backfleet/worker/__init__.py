"""Worker: the process that runs shards of a submission and commits their chunks.

`forkserver.py` begins: it starts the process from which children are forked. `shard.py` is the
entry point of a shard and turns errors into exit codes. `worker.py` compares the submission
with the code found here and cuts chunks into pieces of work; `children.py` feeds them to child
processes (`child_process.py`, seen from the worker; `child.py`, seen from inside, which
`builders.py` prepares for the run) and replaces those that die or hang. `task.py` runs one task:
bars, seed, engine, metrics. `chunk_writer.py` stores what is finished, whole or in parts.
`environment.py` pins everything that could change a bit, and `module_guard.py` notices undeclared
imports.
"""
