"""The process in which SQL of a user runs: bounded memory, no files, and it can be killed.

DuckDB's own limits do not suffice. A scalar function such as `repeat` allocates beyond
`memory_limit` and cannot be interrupted, so the kernel bounds the memory of a whole process.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import IO, Any

import pyarrow as pa

from backfleet.operating_system import data_bytes
from backfleet.results.duckdb_session import filter_and_sort, open_session, select
from backfleet.results.range_server import RangeClient

__all__ = ["FAILED", "ROWS", "SqlFailure", "SqlRequest", "main"]

FAILED = 3
"""Exit code if standard error holds an `SqlFailure`."""

ROWS = "rows"
"""Name of the table that a condition is about."""

BATCH_ROWS = 16_384
MAX_MESSAGE_CHARS = 10_000
ACCOUNTED = 0.75
"""Share of the memory that DuckDB knows of. It reports running out of it; the rest is for what it
allocates without accounting."""


@dataclass(frozen=True)
class SqlRequest:
    """A query.

    Attributes
    ----------
    sql
        One SELECT, or a condition over the table `ROWS` if `is_condition`.
    tables
        Name of a table to the file descriptor through which it comes when it is asked for.
    ranges
        File descriptor of the socket that answers for ranges of files.
    """

    sql: str
    is_condition: bool
    order: str | None
    memory: int
    tables: dict[str, int]
    ranges: int = -1


@dataclass(frozen=True)
class SqlFailure:
    """A query that failed: the class of the error, and its message."""

    kind: str
    message: str


def main() -> None:
    """Read a request, and write the names of the tables it needs and its result as Arrow IPC."""
    # Ctrl-C reaches all processes of the terminal; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent waits for the answer, so it is alive here unless it was killed in the last moment.
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    request = SqlRequest(**json.loads(sys.stdin.buffer.readline()))
    try:
        # Only after the imports, whose memory is not the query's.
        _limit(request.memory)
        with open(os.dup(1), "wb") as answer:
            # DuckDB shows its progress on standard output, which must not end up in the answer.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            _answer(request, answer)
    except Exception as error:  # DuckDB raises errors of many kinds; the parent names each.
        failure = SqlFailure(type(error).__name__, str(error)[:MAX_MESSAGE_CHARS])
        _exit(json.dumps(asdict(failure)).encode(), FAILED)
    _exit(b"", 0)


def _answer(request: SqlRequest, answer: IO[bytes]) -> None:
    def load(name: str) -> Any:
        """Ask the parent for a table, and map it into memory, or read it range by range."""
        _send(answer, name)
        # The sizes are those of the files of a large run. An empty list means that the table is in
        # the memory file, written by the parent before it answered.
        if sizes := json.loads(sys.stdin.buffer.readline() or "[]"):
            return RangeClient(request.ranges).dataset(sizes)
        return _mapped(request.tables[name])

    connection = open_session(int(request.memory * ACCOUNTED))
    if request.is_condition:
        relation = filter_and_sort(connection, load(ROWS), request.sql, request.order)
    else:
        relation = select(connection, request.sql, request.tables, load)
    reader = relation.to_arrow_reader(BATCH_ROWS)
    # No table has this name: the result follows.
    _send(answer, "")
    with pa.ipc.new_stream(answer, reader.schema) as stream:
        # Batch by batch, so that the parent can stop a result that grows too large.
        for batch in reader:
            stream.write_batch(batch)
    answer.flush()


def _mapped(descriptor: int) -> pa.Table:
    """Map the table in an anonymous file into memory."""
    # A read-only mapping is shared with the parent, and `RLIMIT_DATA` does not count it.
    content = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_file(pa.py_buffer(content)).read_all()


def _send(answer: IO[bytes], line: str) -> None:
    answer.write(f"{line}\n".encode())
    answer.flush()


def _limit(memory: int) -> None:
    """Bound the private memory that this process may add, where the kernel does so, and forbid it
    to write files."""
    present = data_bytes()
    if present is not None:
        _lower(resource.RLIMIT_DATA, present + memory)
    # The limit concerns files. Pipes and sockets, through which the result and the ranges go, have
    # none.
    _lower(resource.RLIMIT_FSIZE, 0)
    # A core dump would contain the rows.
    _lower(resource.RLIMIT_CORE, 0)


def _lower(kind: int, limit: int) -> None:
    soft, hard = resource.getrlimit(kind)
    # A process may lower its hard limit, but not raise it.
    known = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    bound = min(limit, *known) if known else limit
    resource.setrlimit(kind, (bound, bound))


def _end_with(parent: int) -> None:
    """End this process when its parent has died: nobody else would stop an endless query."""
    # The kernel gives an orphan another parent.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _exit(message: bytes, code: int) -> Any:
    sys.stderr.buffer.write(message)
    sys.stderr.buffer.flush()
    # Threads of DuckDB may still run, so the interpreter must not wait for them.
    os._exit(code)
