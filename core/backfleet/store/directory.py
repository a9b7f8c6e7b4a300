"""A store in a directory. Objects appear whole or not at all, also when the power fails."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from backfleet.errors import CorruptObject, NoSuchStore, ObjectMissing, StoreError
from backfleet.home import expand_home
from backfleet.operating_system import sync
from backfleet.store.base import (
    MAX_OBJECT_BYTES,
    Entry,
    Store,
    check_readable_size,
    check_writable_size,
)
from backfleet.store.keys import check_key, check_prefix, is_key
from backfleet.store.os_errors import os_errors, read_errors

__all__ = ["DirectoryStore"]

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# FAT and some network and FUSE file systems answer with one of these.
_CANNOT_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class DirectoryStore(Store):
    """A directory; an object is a file. The directory is created when the first object is written.

    Parameters
    ----------
    root
        Made absolute, with links and `~` resolved.
    """

    def __init__(self, root: str | Path) -> None:
        # Path.resolve raises a RuntimeError for a link that leads to itself.
        self._top = os.path.realpath(expand_home(str(root)))
        self.url = self._top

    def read(self, key: str, max_bytes: int = MAX_OBJECT_BYTES) -> bytes:
        path = self._path(key)
        with read_errors(path):
            try:
                return _read_file(path, max_bytes)
            # A path through a file and a folder under the key are no object, as on S3.
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                self._refuse_file_as_root()
                raise ObjectMissing(f"{path}: there is no such object") from error

    def put_if_absent(self, key: str, content: bytes) -> bool:
        path = Path(self._path(key))
        check_writable_size(str(path), content)
        with os_errors(path):
            _make_folder(path.parent)
            # Only spares the writing: the link decides who is first.
            absent = not os.path.lexists(path)
            if absent:
                with _temporary(path.parent, content) as hidden:
                    absent = _link(hidden, path)
            # A folder can never become this object, so "somebody else has written it" would be
            # wrong.
            if not absent and path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            # Also for the loser: it may tell others that the object is stored.
            _sync_folder(path.parent)
        return absent

    def replace(self, key: str, content: bytes) -> None:
        path = Path(self._path(key))
        check_writable_size(str(path), content)
        with os_errors(path):
            _make_folder(path.parent)
            with _temporary(path.parent, content) as hidden:
                # A rename replaces the object in one step, so a reader sees the old content or the
                # new one.
                hidden.replace(path)
            _sync_folder(path.parent)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        check_prefix(prefix)
        folder, _, beginning = prefix.rpartition("/")
        return self._walk(folder, beginning)

    def folders(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        parent = self._folder(prefix)
        # By name, as S3 does it; the operating system lists in any order.
        children = sorted(self._children(parent), key=lambda child: child.name)
        return (child.name for child in children if self._is_listed(child))

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with read_errors(path):
            try:
                # A link or a pipe takes the place of an object: reading it says what it is.
                exists = not stat.S_ISDIR(os.lstat(path).st_mode)
            except (FileNotFoundError, NotADirectoryError):
                exists = False
        if not exists:
            self._refuse_file_as_root()
        return exists

    def delete(self, key: str) -> None:
        path = Path(self._path(key))
        with os_errors(path):
            try:
                path.unlink(missing_ok=True)
            except (NotADirectoryError, IsADirectoryError):
                # A folder is no object.
                return
            # Deletions are made durable, too, so that a removed object does not come back after a
            # power failure.
            if path.parent.is_dir():
                _sync_folder(path.parent)

    def delete_folder(self, folder: str) -> None:
        path = Path(self._path(folder))
        with os_errors(path):
            # A link in a stranger's store may lead to files that are not the store's.
            if path.is_symlink():
                path.unlink()
            elif path.is_dir():
                shutil.rmtree(path)

    def at(self, folder: str) -> DirectoryStore:
        check_key(folder)
        # The top needs no resolving again, which takes longer than reading a small file.
        # A copy keeps `_top`, up to which links are resolved. Below it no link is followed.
        store = copy(self)
        store.url = os.path.join(self.url, folder)
        return store

    # Paths are texts where objects are read, since a listing reads thousands of them.

    def _path(self, key: str) -> str:
        """Return the path of a key. Raises CorruptObject if a folder on the way is a link."""
        check_key(key)
        folder, _, name = key.rpartition("/")
        return os.path.join(self._folder(folder), name)

    def _folder(self, folder: str) -> str:
        """Return the path of a folder. Raises CorruptObject if it is a link, or below one."""
        path = os.path.join(self.url, folder) if folder else self.url
        end = len(self._top.rstrip("/"))
        # Each folder from the top down: a link in the middle of the path would otherwise be
        # followed by the operating system.
        while end < len(path):
            end = path.find("/", end + 1)
            step = path if end < 0 else path[:end]
            if os.path.islink(step):
                raise CorruptObject(
                    f"{step} is a link, and backfleet follows no links in a store. Replace it by "
                    "what it leads to"
                )
            if end < 0:
                break
        return path

    def _walk(self, folder: str, beginning: str = "") -> Iterator[Entry]:
        path = self._folder(folder)
        # All entries at once, so that no directory stays open while the caller works on the
        # listing.
        children = [child for child in self._children(path) if child.name.startswith(beginning)]
        # With its slash a folder's name sorts as the keys below it do: "a-b" < "a/b" < "a0".
        names = {child.name + "/" * _is_folder(child): child for child in children}
        for name in sorted(names):
            key = f"{folder}/{name}" if folder else name
            if name.endswith("/"):
                yield from self._walk(key[:-1])
            elif entry := _entry(key, names[name]):
                yield entry

    def _is_listed(self, child: os.DirEntry[str]) -> bool:
        """Whether a folder holds an object, or what it holds cannot be read.

        Whoever opens a link or a closed folder learns why it cannot be read.
        """
        try:
            return _is_link_to_folder(child) or (
                _is_folder(child) and self._holds_object(child.path)
            )
        except CorruptObject:
            return True

    def _holds_object(self, folder: str) -> bool:
        """False for a folder whose only writer was killed: on S3 it would not be there either."""
        children = self._children(folder)
        return any(not _is_folder(child) for child in children) or any(
            self._holds_object(child.path) for child in children if _is_folder(child)
        )

    def _children(self, folder: str) -> Sequence[os.DirEntry[str]]:
        """Files and folders that are the store's: neither hidden nor of names that no key has."""
        with read_errors(folder):
            try:
                with os.scandir(folder) as entries:
                    return [child for child in entries if is_key(child.name)]
            except (FileNotFoundError, NotADirectoryError):
                self._refuse_file_as_root()
                return []

    def _refuse_file_as_root(self) -> None:
        if os.path.exists(self.url) and not os.path.isdir(self.url):
            raise NoSuchStore(f"{self.url} is a file; a store is a directory or s3://bucket/prefix")


def _is_folder(child: os.DirEntry[str]) -> bool:
    return child.is_dir(follow_symlinks=False)


def _is_link_to_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_symlink() and child.is_dir()
    except OSError:
        # A link that leads to itself leads to no folder.
        return False


def _entry(key: str, child: os.DirEntry[str]) -> Entry | None:
    with read_errors(child.path):
        try:
            status = child.stat(follow_symlinks=False)
        # The object was deleted since its folder was read, and a listing simply lacks it.
        except FileNotFoundError:
            return None
    # With the inode, because a replaced file can have the same size and, on coarse clocks, the same
    # time.
    version = f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
    return Entry(key, status.st_size, version, status.st_mtime)


def _read_file(path: str, max_bytes: int) -> bytes:
    """Return the content of a regular file. Raises OSError, CorruptObject."""
    # Opening a pipe would wait for a writer, and opening a device may do something.
    # Two checks: this one avoids opening anything but a file, and `fstat` below is about the file
    # that was really opened.
    mode = os.lstat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise CorruptObject(
            f"{path} is {_KINDS.get(stat.S_IFMT(mode), 'no regular file')}; a store holds regular "
            "files only. Replace it by the file itself"
        )
    # The file may have been exchanged since.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise CorruptObject(f"{path} is not a regular file")
        check_readable_size(path, status.st_size, max_bytes)
        # One byte more shows the end of the file to Python without another call.
        return file.read(status.st_size + 1)


@contextmanager
def _temporary(folder: Path, content: bytes) -> Iterator[Path]:
    """A file of this content that is safe on disk under a hidden name; gone when the block ends."""
    # In the folder of the object, since a link cannot lead to another file system.
    path = folder / f".{os.urandom(8).hex()}.tmp"
    # 0o666 leaves the permissions to the umask, so that a group can share a store.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            # Before the file gets its name: after a power failure, a name must lead to all bytes.
            sync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _link(hidden: Path, path: Path) -> bool:
    """Give the file its name, unless the name is taken."""
    try:
        # Unlike a rename, a link fails if the name is taken, which gives each key one winner.
        # Unlike O_EXCL, it never shows a file that is half written.
        os.link(hidden, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            raise StoreError(
                f"{path}: the file system cannot link files ({error.strerror}), which a store "
                "needs to write an object exactly once; choose a directory on another one"
            ) from error
        raise
    return True


def _make_folder(folder: Path) -> None:
    """Make the folder and those above it, durably; another process may do so at the same time."""
    if folder.is_dir():
        return
    # From the top down, each one synced: after a power failure no synced object is in a lost
    # folder.
    _make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
