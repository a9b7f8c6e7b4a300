"""What a store in a directory does when processes die and disks fill."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import CorruptObject, StoreError, StoreFull
from backfleet.store import open_store
from backfleet.store.directory import DirectoryStore

KILLED_BEFORE_LINK = """
import os, signal, sys
from backfleet.store import open_store

os.link = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
open_store(sys.argv[1]).put_if_absent("run/chunks/0.0", b"content" * 1000)
"""


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_a_killed_writer_leaves_never_shows(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_LINK, str(tmp_path)])
    store = DirectoryStore(tmp_path)

    assert killed.returncode == -signal.SIGKILL
    assert len(files_below(tmp_path)) == 1, "it was killed with its temporary file written"
    assert list(store.list()) == list(store.list("run/chunks/")) == []
    assert list(store.folders()) == list(store.folders("run")) == []
    assert not store.exists("run/chunks/0.0")
    assert store.put_if_absent("run/chunks/0.0", b"again")
    assert [entry.key for entry in store.list()] == ["run/chunks/0.0"]


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put_if_absent("a", b"1")
    store.put_if_absent("a", b"2")
    store.replace("a", b"3")

    assert files_below(tmp_path) == ["a"]


def test_a_deleted_folder_takes_what_is_never_listed_and_follows_no_link(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    store.put_if_absent("run/a", b"1")
    (tmp_path / "store/run/.left.tmp").write_bytes(b"")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_bytes(b"")
    (tmp_path / "store/run/link").symlink_to(tmp_path / "mine")
    (tmp_path / "store/linked").symlink_to(tmp_path / "mine")

    store.delete_folder("run")
    store.delete_folder("linked")
    assert files_below(tmp_path) == ["file"]
    assert list((tmp_path / "store").iterdir()) == []


def test_files_of_other_names_are_not_listed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put_if_absent("a/b", b"")
    for name in (".DS_Store", "with space", "a/.hidden"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"")

    assert [entry.key for entry in store.list()] == ["a/b"]
    assert list(store.folders()) == ["a"]


def test_an_object_is_readable_for_whom_the_umask_lets(tmp_path: Path) -> None:
    DirectoryStore(tmp_path).put_if_absent("a", b"")
    umask = os.umask(0)
    os.umask(umask)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~umask


def test_a_full_disk_is_an_error_that_leaves_the_store_as_it_was(small_disk: Path) -> None:
    store = DirectoryStore(small_disk / "runs")
    store.put_if_absent("kept", b"x" * 100_000)

    for write in (store.put_if_absent, store.replace):
        with pytest.raises(StoreFull, match=r"runs/chunks/0\.0: no space is left .*resume"):
            write("chunks/0.0", b"x" * 500_000)
    assert files_below(small_disk) == ["kept"]
    assert store.put_if_absent("chunks/0.0", b"x" * 10_000), "what fits is stored again"


def failing_link(number: int) -> None:
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_links_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "link", lambda *paths: failing_link(number))

    with pytest.raises(StoreError, match="cannot link files"):
        DirectoryStore(tmp_path).put_if_absent("a", b"")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EDQUOT, "quota is used up"),
        (errno.EACCES, "cannot be accessed by user"),
        (errno.EROFS, "read-only"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_system_refuses_is_told_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    monkeypatch.setattr(os, "link", lambda *paths: failing_link(number))

    with pytest.raises(StoreError, match=f"{tmp_path}/a.*{advice}") as refused:
        DirectoryStore(tmp_path).put_if_absent("a", b"")
    assert isinstance(refused.value, StoreFull) == (number == errno.EDQUOT)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_file_or_folder_that_cannot_be_read_is_damage_that_hides_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = DirectoryStore(tmp_path)
    for key in ("closed/manifest.json", "open/manifest.json", "open/label.json"):
        store.put_if_absent(key, b"")
    file, folder = str(tmp_path / "open" / "label.json"), str(tmp_path / "closed")

    def failing(call: Callable[..., Any]) -> Callable[..., Any]:
        def checked(path: str | os.PathLike[str], *more: object, **options: Any) -> Any:
            if str(path).startswith((file, folder)):
                raise OSError(number, os.strerror(number), str(path))
            return call(path, *more, **options)

        return checked

    for name in ("open", "scandir", "lstat"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    assert list(store.folders()) == ["closed", "open"]
    assert store.read("open/manifest.json") == b""
    for ask in (
        lambda: store.read("open/label.json"),
        lambda: store.read("closed/manifest.json"),
        lambda: store.exists("closed/manifest.json"),
        lambda: list(store.list("closed/")),
    ):
        with pytest.raises(CorruptObject, match=r"cannot be read \(.*\). Change its permissions"):
            ask()


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put_if_absent("chunks", b"")

    with pytest.raises(
        StoreError, match=r"chunks/0\.0: a file lies where the store needs a folder"
    ):
        store.put_if_absent("chunks/0.0", b"")


def test_a_folder_where_a_file_should_be_is_told(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put_if_absent("chunks/0.0", b"")

    with pytest.raises(StoreError, match="chunks: a folder lies where the store needs a file"):
        store.put_if_absent("chunks", b"")
    with pytest.raises(StoreError, match="chunks: a folder lies where the store needs a file"):
        store.replace("chunks", b"")


def test_a_link_that_leads_to_itself_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    store = DirectoryStore(tmp_path / "loop")

    for use in (
        lambda: list(store.list()),
        lambda: store.read("a"),
        lambda: store.put_if_absent("a", b""),
    ):
        problem = "Too many levels of symbolic links|a file lies where"
        with pytest.raises(StoreError, match=rf"loop.*: ({problem})"):
            use()


def test_a_file_is_no_store(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text("")
    store = open_store(str(file))

    for use in (
        lambda: list(store.list()),
        lambda: list(store.folders()),
        lambda: store.read("a"),
        lambda: store.exists("a"),
    ):
        with pytest.raises(
            StoreError, match=r"job\.toml is a file; a store is a directory or s3://"
        ):
            use()


def test_an_object_that_vanishes_while_it_is_listed_is_left_out(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    for key in ("a", "b", "c"):
        store.put_if_absent(key, b"")
    listing = store.list()

    assert next(listing).key == "a"
    (tmp_path / "b").unlink()
    assert [entry.key for entry in listing] == ["c"]


ODD_FILES = {
    "a link to a file": lambda path, outside: path.symlink_to(outside / "file"),
    "a link to itself": lambda path, outside: path.symlink_to(path),
    "a link to nothing": lambda path, outside: path.symlink_to("nowhere"),
    "a link to a device": lambda path, outside: path.symlink_to("/dev/zero"),
    "a pipe": lambda path, outside: os.mkfifo(path),
}


@pytest.mark.parametrize("make", ODD_FILES.values(), ids=ODD_FILES)
def test_what_is_no_regular_file_is_never_opened(
    tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"secret")
    store = DirectoryStore(tmp_path / "store")
    store.put_if_absent("run/a", b"1")
    make(tmp_path / "store/run/odd", tmp_path / "outside")

    with pytest.raises(CorruptObject, match=r"odd is a (link|pipe); a store holds regular files"):
        store.read("run/odd")
    assert store.exists("run/odd")
    assert not store.put_if_absent("run/odd", b"2")
    assert [entry.key for entry in store.list()] == ["run/a", "run/odd"]
    store.replace("run/odd", b"3")
    assert store.read("run/odd") == b"3"
    assert (tmp_path / "outside" / "file").read_bytes() == b"secret"


def test_no_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"secret")
    store = DirectoryStore(tmp_path / "store")
    store.put_if_absent("run/a", b"1")
    (tmp_path / "store/run/linked").symlink_to(tmp_path / "outside")
    (tmp_path / "store/run/loop").symlink_to("loop")

    for use in (
        lambda: store.read("run/linked/file"),
        lambda: store.put_if_absent("run/linked/new", b""),
        lambda: store.replace("run/linked/file", b""),
        lambda: store.delete("run/linked/file"),
        lambda: store.exists("run/linked/file"),
        lambda: list(store.list("run/linked/")),
        lambda: list(store.folders("run/linked")),
        lambda: store.at("run").at("linked").read("file"),
    ):
        with pytest.raises(CorruptObject, match="linked is a link, and backfleet follows no links"):
            use()
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["file"]
    assert (tmp_path / "outside" / "file").read_bytes() == b"secret"
    assert list(store.folders("run")) == ["linked"]


def test_a_store_may_itself_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = DirectoryStore(tmp_path / "link")
    store.put_if_absent("run/a", b"1")

    assert store.at("run").read("a") == b"1"


def test_an_object_larger_than_its_reader_accepts_is_not_read(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 10**12)

    with pytest.raises(CorruptObject, match="sparse has 1,000,000,000,000 bytes; at most 536,"):
        store.read("sparse")
    store.put_if_absent("small", b"12")
    assert store.read("small", 2) == b"12"
    with pytest.raises(CorruptObject, match="small has 2 bytes; at most 1 are valid"):
        store.read("small", 1)
