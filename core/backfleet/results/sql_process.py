"""Running SQL of a user in a process of its own, from the side of the caller."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Any

import pyarrow as pa

from backfleet.operating_system import anonymous_file
from backfleet.results.partitions import Partitions
from backfleet.results.range_server import RangeServer
from backfleet.results.sql_child import FAILED, ROWS, SqlFailure, SqlRequest
from backfleet.results.sql_limits import SqlLimits

__all__ = ["SqlError", "filter_in_process", "select_in_process"]

# The names of DuckDB's and Python's exceptions, and the messages of Arrow and of C++.
_NO_MEMORY = re.compile(r"^OutOfMemoryException|^MemoryError|failed to allocate|bad_alloc")

# -P: with -c alone, a file such as `json.py` in the current folder would be imported and run.
COMMAND = (sys.executable, "-P", "-c", "from backfleet.results.sql_child import main; main()")


class SqlError(Exception):
    """A query that failed, with the message of DuckDB or the limit that it exceeded."""


def select_in_process(
    sql: str, tables: Mapping[str, Callable[[], pa.Table | Partitions]], limits: SqlLimits
) -> pa.Table:
    """Return the result of one SELECT. Raises SqlError, and errors of making the tables."""
    with _files(tables) as files:
        request = SqlRequest(sql, False, None, limits.memory, files)
        # The same limit bounds the result, which this process has to hold.
        return _Query(request, tables, limits).run(limits.memory)


def filter_in_process(rows: pa.Table, where: str, order: str | None, limits: SqlLimits) -> pa.Table:
    """Return the rows for which a condition holds, in an order. Raises SqlError."""
    tables: Mapping[str, Callable[[], pa.Table | Partitions]] = {ROWS: lambda: rows}
    with _files(tables) as files:
        request = SqlRequest(where, True, order, limits.memory, files)
        # The result is no larger than the rows, which are in memory already.
        return _Query(request, tables, limits).run(max(limits.memory, 2 * rows.nbytes))


@dataclass
class _Query:
    """A query that is running."""

    request: SqlRequest
    tables: Mapping[str, Callable[[], pa.Table | Partitions]]
    limits: SqlLimits
    is_late: threading.Event = field(default_factory=threading.Event)
    ranges: RangeServer = field(default_factory=RangeServer)

    def run(self, max_bytes: int) -> pa.Table:
        there = self.ranges.there.fileno()
        self.request = replace(self.request, ranges=there)
        with (
            # Outermost: the thread must answer until the process has ended.
            self.ranges.running(),
            subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # All other descriptors of this process are closed in the child, so that SQL cannot
                # reach them.
                pass_fds=(*self.request.tables.values(), there),
            ) as process,
        ):
            try:
                with self._stopped_in_time(process):
                    table = self._result(process, max_bytes)
                    assert process.stderr is not None
                    # The child writes to standard error only when it ends, so reading one pipe
                    # after the other cannot block.
                    message = process.stderr.read()
                    process.wait()
            finally:
                # Also after Ctrl-C in this process: the child ignores that signal.
                process.kill()
        # The child's own error is only a consequence of this one, which names the object.
        if self.ranges.failure is not None:
            raise self.ranges.failure
        self._check_end(process.returncode, message)
        if table is None:
            raise SqlError("DuckDB ended without a result")
        return table

    @contextmanager
    def _stopped_in_time(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        if self.limits.timeout is None:
            yield
            return

        def stop() -> None:
            # Set before the kill, so that `_check_end` sees it whenever it sees the end.
            self.is_late.set()
            process.kill()

        timer = threading.Timer(self.limits.timeout, stop)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _result(self, process: subprocess.Popen[bytes], max_bytes: int) -> pa.Table | None:
        """Hand over tables, then read the result; None if the process ended before."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _send(process.stdin, json.dumps(asdict(self.request)))
            while (line := process.stdout.readline()) != b"\n":
                if not line:
                    return None
                _send(process.stdin, json.dumps(self._hand_over(line.decode().strip())))
            return _read(process.stdout, max_bytes)
        except BrokenPipeError:
            # The end of the process says why.
            return None

    def _hand_over(self, name: str) -> Sequence[int]:
        """Hand over a table, or the sizes of the files from which it is read range by range."""
        table = self.tables[name]()
        if isinstance(table, Partitions):
            self.ranges.offer(table)
            return [file.bytes for file in table.files]
        with (
            # The descriptor is the child's too, and `_files` closes ours when the query has ended.
            open(self.request.tables[name], "wb", closefd=False) as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table)
        return ()

    def _check_end(self, code: int, message: bytes) -> None:
        if self.is_late.is_set():
            raise SqlError(
                f"the query was stopped after {self.limits.timeout:g} s; ask for less, or raise "
                "the timeout"
            )
        if code == 0:
            return
        # A child that ends without a message was killed or has aborted: DuckDB's C++ code does so
        # when an allocation fails outside of its accounting.
        failure = SqlFailure(**json.loads(message)) if code == FAILED else SqlFailure("", "")
        if code != FAILED or _NO_MEMORY.search(f"{failure.kind}: {failure.message}"):
            raise SqlError(
                f"the query needs more than {self.limits.memory / 2**20:,.0f} MiB of memory; ask "
                "for less, or raise the memory limit (--memory)"
            )
        raise SqlError(failure.message)


@contextmanager
def _files(tables: Mapping[str, Any]) -> Iterator[dict[str, int]]:
    """Make an empty file in memory for each table, to be filled when the query needs the table."""
    files = {name: anonymous_file(f"backfleet-{name}") for name in tables}
    try:
        yield files
    finally:
        for file in files.values():
            os.close(file)


def _send(stream: IO[bytes], line: str) -> None:
    stream.write(f"{line}\n".encode())
    stream.flush()


def _read(stream: IO[bytes], max_bytes: int) -> pa.Table | None:
    """Return the result, or None if the process ended while it wrote it. Raises SqlError."""
    try:
        return _read_batches(stream, max_bytes)
    except (OSError, pa.ArrowInvalid):
        return None


def _read_batches(stream: IO[bytes], max_bytes: int) -> pa.Table:
    batches, size = [], 0
    with pa.ipc.open_stream(stream) as reader:
        for batch in reader:
            # The child is not trusted to keep a limit: its own memory does not bound what it sends.
            size += batch.nbytes
            if size > max_bytes:
                raise SqlError(
                    f"the result has more than {max_bytes / 2**20:,.0f} MiB; ask for fewer rows "
                    "or columns, or raise the memory limit (--memory)"
                )
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)
