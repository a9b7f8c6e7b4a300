"""Pushing a directory's files to S3: in parallel, only what changed, verified by S3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from backfleet.errors import DataError
from backfleet_executors.aws.data.local import LocalFiles, files_of
from backfleet_executors.aws.data.remote import MAX_PUT_BYTES, RemoteFiles

__all__ = ["Pushed", "Pushing", "push"]

THREADS = 16


@dataclass(frozen=True)
class Pushing:
    """The progress of a push.

    Attributes
    ----------
    done, files
        Files dealt with, and files in all.
    sent
        Bytes written so far.
    """

    done: int
    files: int
    sent: int


@dataclass(frozen=True)
class Pushed:
    """The result of a push.

    Attributes
    ----------
    url
        Where the files are.
    files
        The names of those that were written.
    unchanged
        How many were there already.
    bytes
        How much was written.
    """

    url: str
    files: Sequence[str]
    unchanged: int
    bytes: int


def push(
    path: str,
    url: str,
    symbols: Iterable[str] | None = None,
    watch: Callable[[Pushing], None] | None = None,
) -> Pushed:
    """Upload the files of a directory to an S3 prefix.

    Objects with the same SHA-256 are left alone, so that an interrupted push continues where it
    stopped. Nothing is ever deleted.

    Parameters
    ----------
    path
        The directory; folders below it are left out.
    url
        `s3://bucket/prefix`.
    symbols
        Push only the files of these, which may be globs.
    watch
        Receives the progress, file by file.

    Raises
    ------
    DataError
        There is nothing to push, or a file cannot be pushed as it is.
    DataChanged
        A file changed while it was pushed.
    StoreError
        S3 cannot be read or written.
    """
    local, remote = LocalFiles(path), RemoteFiles(url)
    names = files_of(local, symbols)
    for name in names:
        _check_size(local, name)
    return _Push(local, remote, watch or (lambda progress: None)).run(names)


def _check_size(local: LocalFiles, name: str) -> None:
    if local.size(name) > MAX_PUT_BYTES:
        raise DataError(f"{local.path / name}: a file of more than 5 GiB; split it by symbol")


@dataclass(frozen=True)
class _Push:
    local: LocalFiles
    remote: RemoteFiles
    watch: Callable[[Pushing], None]

    def run(self, names: Sequence[str]) -> Pushed:
        """Raises the first error, once the current files are finished."""
        # Listed before the threads ask for it, all at once.
        _ = self.remote.files
        self.watch(Pushing(0, len(names), 0))
        pool = ThreadPoolExecutor(min(THREADS, len(names)))
        written: list[str] = []
        sent = 0
        try:
            calls = {pool.submit(self._bring, name): name for name in names}
            for done, call in enumerate(as_completed(calls), start=1):
                if call.result():
                    written.append(calls[call])
                    sent += self.local.size(calls[call])
                self.watch(Pushing(done, len(names), sent))
        finally:
            pool.shutdown(cancel_futures=True)
            self.local.save()
            self.remote.save()
        return Pushed(self.remote.url, sorted(written), len(names) - len(written), sent)

    def _bring(self, name: str) -> bool:
        """Write a file unless it is there; whether it was written."""
        digest = self.local.digest(name)
        there = self.remote.files.get(name)
        if (
            there is not None
            and there.bytes == self.local.size(name)
            and self.remote.digest(name) == digest
        ):
            return False
        self.remote.put(self.local.path / name, digest)
        return True
