"""Ranges of the files of a large run, for the process in which SQL runs.

That process reaches no file and no network. It asks this one through a socket: a line with the
number of a file, an offset and a length is answered with a length and the bytes.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa

from backfleet.errors import BackfleetError
from backfleet.results.partitions import Partitions
from backfleet.results.ranged_file import RangedFile

__all__ = ["RangeClient", "RangeServer"]

# Number of the file, offset and length.
REQUEST = struct.Struct("!IQQ")
# Length of the bytes that follow, or FAILED.
ANSWER = struct.Struct("!q")
FAILED = -1


class RangeServer:
    """Answers requests for ranges in a thread, on the side of the caller.

    Attributes
    ----------
    failure
        The first error of the store, which the other process cannot name.
    """

    def __init__(self) -> None:
        self._here, self.there = socket.socketpair()
        self._partitions: Partitions | None = None
        self.failure: BackfleetError | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer until the other side has closed its end."""
        # A daemon: a store that does not answer must not keep this program from ending.
        thread = threading.Thread(target=self._answer_all, daemon=True)
        thread.start()
        try:
            yield
        finally:
            # The child has inherited its end and has ended by then. Closing the copy here lets the
            # thread read the end of the stream.
            self.there.close()
            self._here.close()

    def offer(self, partitions: Partitions) -> None:
        """Answer for these files from now on."""
        self._partitions = partitions

    def _answer_all(self) -> None:
        try:
            while request := _receive(self._here, REQUEST.size):
                self._answer(*REQUEST.unpack(request))
        except OSError:
            # The query has ended.
            return

    def _answer(self, number: int, start: int, length: int) -> None:
        try:
            assert self._partitions is not None
            file = self._partitions.files[number]
            content = self._partitions.read_range(file, start, length)
        except BackfleetError as error:
            # Kept before the answer goes out, so that it is there when the child ends because of
            # it.
            self.failure = self.failure or error
            self._here.sendall(ANSWER.pack(FAILED))
            return
        self._here.sendall(ANSWER.pack(len(content)))
        self._here.sendall(content)


class RangeClient:
    """Reads files of the other process, as a data set of which DuckDB reads what it needs."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        # DuckDB reads with several threads, and answers do not say which request they belong to.
        self._lock = threading.Lock()

    def read(self, number: int, start: int, length: int) -> bytes:
        """Return bytes of a file. Raises OSError."""
        with self._lock:
            self._socket.sendall(REQUEST.pack(number, start, length))
            (size,) = ANSWER.unpack(_receive(self._socket, ANSWER.size) or ANSWER.pack(FAILED))
            if size == FAILED:
                raise OSError("the file cannot be read")
            return _receive(self._socket, size)

    def dataset(self, sizes: Sequence[int]) -> Any:
        """Return the data set of files of these sizes."""
        import pyarrow.dataset as ds
        from pyarrow.fs import PyFileSystem

        # pre_buffer joins neighboring ranges, each of which is a request to the store. Only ranges
        # are read, so the file's hash cannot be checked, and the checksums of its pages are.
        options = ds.ParquetFragmentScanOptions(pre_buffer=True, page_checksum_verification=True)
        form = ds.ParquetFileFormat(default_fragment_scan_options=options)
        files = PyFileSystem(_handler(self, sizes))
        fragments = [form.make_fragment(str(number), files) for number in range(len(sizes))]
        # One writer wrote all files with one schema, so the footer of the first is enough.
        schema = fragments[0].physical_schema.remove_metadata()
        return ds.FileSystemDataset(fragments, schema, form, files)


def _handler(client: RangeClient, sizes: Sequence[int]) -> Any:
    """Return a handler of a file system with the files "0", "1" and so on."""
    from pyarrow.fs import FileInfo, FileSystemHandler, FileType

    def unsupported(*_: Any, **__: Any) -> Any:
        """Refuse what DuckDB never asks for: Arrow demands that all its methods are there."""
        raise NotImplementedError("these files can only be read")

    def open_file(_: Any, path: str) -> Any:
        number = int(path)
        return pa.PythonFile(RangedFile(partial(client.read, number), sizes[number]), mode="r")

    def infos(_: Any, paths: Sequence[str]) -> list[Any]:
        return [FileInfo(path, FileType.File, size=sizes[int(path)]) for path in paths]

    written = (
        "copy_file create_dir delete_dir delete_dir_contents delete_file delete_root_dir_contents "
        "get_file_info_selector move open_append_stream open_output_stream"
    )
    methods: dict[str, Any] = {
        **dict.fromkeys(written.split(), unsupported),
        "get_file_info": infos,
        "get_type_name": lambda _: "backfleet",
        "normalize_path": lambda _, path: path,
        "open_input_file": open_file,
        "open_input_stream": open_file,
    }
    # The base class has many abstract methods; a class statement would spell out each of them.
    return type("RangeHandler", (FileSystemHandler,), methods)()


def _receive(stream: socket.socket, size: int) -> bytes:
    """Return this number of bytes; none if the other side has closed its end."""
    parts, missing = [], size
    while missing:
        # `recv` allocates as many bytes as it is asked for, each time.
        part = stream.recv(min(missing, 2**20))
        if not part:
            return b""
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
