"""Which files the recorder of a process takes for undeclared inputs, however they are opened."""

from __future__ import annotations

import builtins
import bz2
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import pkgutil
import runpy
import shutil
import socket
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.code.open_recorder import recorded_files, recording, recording_paused
from backfleet.code.opened_files import OpenedFiles
from backfleet.errors import DataChanged


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "strategy"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def reading(root: Path, **more: Any) -> Iterator[list[str]]:
    """Record, and give the paths of the files when that has ended."""
    paths: list[str] = []
    opened = OpenedFiles(root, **more)
    with recording(opened), contextlib.chdir(root):
        yield paths
    paths += [file.path for file in opened.files()]


def _tar(path: str) -> None:
    with tarfile.open(path) as archive:
        archive.getnames()


def _zip(path: str) -> None:
    with zipfile.ZipFile(path) as archive:
        archive.namelist()


def _read(module: Any, path: str) -> None:
    with module.open(path) as stream:
        stream.read()


def _descriptor(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def _relative_to_descriptor(path: str) -> None:
    folder = os.open(".", os.O_RDONLY)
    os.close(os.open(path, os.O_RDONLY, dir_fd=folder))
    os.close(folder)


READERS: dict[str, tuple[bytes, Callable[[str], Any]]] = {
    "open": (b"1", lambda path: open(path).close()),
    "builtins.open": (b"1", lambda path: builtins.open(path, mode="rb").close()),
    "open for update": (b"1", lambda path: open(path, "r+").close()),
    "open for reading and appending": (b"1", lambda path: open(path, "a+").close()),
    "open of bytes": (b"1", lambda path: open(os.fsencode(path)).close()),
    "io.open": (b"1", lambda path: io.open(path).close()),  # noqa: UP020
    "os.open": (b"1", _descriptor),
    "os.open in a folder": (b"1", _relative_to_descriptor),
    "Path.read_text": (b"1", lambda path: Path(path).read_text()),
    "json.load": (b"1", lambda path: json.loads(Path(path).read_bytes())),
    "pickle.load": (pickle.dumps(1), lambda path: pickle.loads(Path(path).read_bytes())),
    "np.fromfile": (bytes(8), lambda path: np.fromfile(path)),
    "np.memmap": (bytes(8), lambda path: np.memmap(path, mode="r")),
    "pd.read_csv": (b"a\n1\n", lambda path: pd.read_csv(path)),
    "gzip": (gzip.compress(b"1"), partial(_read, gzip)),
    "bz2": (bz2.compress(b"1"), partial(_read, bz2)),
    "lzma": (lzma.compress(b"1"), partial(_read, lzma)),
    "runpy": (b"X = 1", lambda path: runpy.run_path(path)),
    "shutil.copyfile": (b"1", lambda path: shutil.copyfile(path, os.devnull)),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("reader", READERS)
def test_a_file_is_recorded_however_python_opens_it(root: Path, reader: str) -> None:
    content, read = READERS[reader]
    (root / "input").write_bytes(content)
    opened = OpenedFiles(root)
    with recording(opened), contextlib.chdir(root):
        read("input")
        read(str(root / "input"))
        assert recorded_files() == opened.files()
    assert opened.files() == (UndeclaredFile("input", hashlib.sha256(content).hexdigest()),)
    assert recorded_files() == ()


def test_archives_arrays_and_package_data_are_recorded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(root / "array.npy", np.ones(2))
    with tarfile.open(root / "archive.tar", "w") as archive:
        archive.add(root / "array.npy", "array.npy")
    with zipfile.ZipFile(root / "archive.zip", "w") as zipped:
        zipped.write(root / "array.npy", "array.npy")
    package = root / "recorded_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "table.csv").write_text("1")
    monkeypatch.syspath_prepend(root)
    with reading(root) as paths:
        np.load("array.npy")
        np.load("array.npy", mmap_mode="r")
        _tar("archive.tar")
        _zip("archive.zip")
        pkgutil.get_data("recorded_package", "table.csv")
    del sys.modules["recorded_package"]
    assert paths == ["array.npy", "archive.tar", "archive.zip", "recorded_package/table.csv"]


def test_files_that_are_only_written_and_modules_are_not_recorded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "recorded_module.py").write_text("X = 1")
    (root / "__pycache__").mkdir()
    (root / "__pycache__" / "compiled.nbi").touch()
    monkeypatch.syspath_prepend(root)
    with reading(root) as paths:
        for mode in ("w", "a", "w+"):
            open("written", mode).close()
        os.close(os.open("created", os.O_CREAT | os.O_RDWR | os.O_EXCL))
        open("__pycache__/compiled.nbi").close()
        os.close(os.open(".", os.O_RDONLY))
        import recorded_module

        Path(recorded_module.__file__).read_text()
    del sys.modules["recorded_module"]
    assert paths == []


def test_the_innermost_folder_decides_whether_a_file_counts(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = root / "cache"
    monkeypatch.setenv("BACKFLEET_CACHE", str(cache))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    installed = root / "lib" / "site-packages" / "other.txt"
    files = {
        "own": root / "own.txt",
        "data": root / "data" / "prices.csv",
        "cache": cache / "bars",
        "temporary": tmp_path / "temporary.txt",
        "shipped": tmp_path / "shipped" / "code.txt",
        "installed": installed,
    }
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with reading(root, code=[str(tmp_path / "shipped")], data=[str(root / "data")]) as paths:
        for path in [*files.values(), Path(os.__file__), Path(pd.__file__), Path("/proc/stat")]:
            path.read_bytes()
    assert paths == ["own.txt", str(files["shipped"])]


def test_a_strategy_in_the_data_folder_or_in_site_packages_counts(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "acme"
    package.mkdir(parents=True)
    (package / "table.csv").touch()
    (package.parent / "beside.txt").touch()
    for data in (str(package), str(tmp_path), "s3://bucket/prices"):
        with reading(package, data=[data]) as paths:
            open("table.csv").close()
            open("../beside.txt").close()
        assert paths == ["table.csv"]


def test_a_file_elsewhere_is_recorded_with_its_machine(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(root / "temporary"))
    (tmp_path / "elsewhere.json").write_text("1")
    opened = OpenedFiles(root)
    with recording(opened):
        (tmp_path / "elsewhere.json").read_text()
    digest = hashlib.sha256(b"1").hexdigest()
    path = str(tmp_path / "elsewhere.json")
    assert opened.files() == (UndeclaredFile(path, digest, socket.gethostname()),)


def test_a_declared_file_is_not_recorded_unless_it_has_changed(root: Path) -> None:
    (root / "tuned.json").write_text("1")
    planned = {"tuned.json": hashlib.sha256(b"1").hexdigest()}
    with reading(root, declared=planned) as paths:
        open("tuned.json").close()
    assert paths == []
    (root / "tuned.json").write_text("2")
    with (
        reading(root, declared=planned) as paths,
        pytest.raises(DataChanged, match=r"tuned\.json has changed since the run was planned"),
    ):
        Path("tuned.json").read_text()


def test_after_a_change_of_folder_the_same_name_is_another_file(root: Path) -> None:
    (root / "inner").mkdir()
    for name in ("input", "inner/input"):
        (root / name).touch()
    with reading(root) as paths:
        open("input").close()
        os.chdir("inner")
        open("input").close()
    assert paths == ["input", "inner/input"]


def test_a_position_in_a_file_is_left_alone(root: Path) -> None:
    (root / "input").write_text("content")
    with reading(root) as paths, open("input") as stream:
        assert stream.read() == "content"
    assert paths == ["input"]


def test_open_stays_what_code_takes_it_for(root: Path) -> None:
    original = builtins.open
    (root / "input").touch()

    with recording(OpenedFiles(root)):

        class Reader:
            opener = open

        Reader().opener(root / "input").close()
        assert io.open is builtins.open is not original
        assert open.__name__ == "open"
        assert os.open in os.supports_dir_fd
        with pytest.raises(FileNotFoundError):
            (root / "absent").read_text()
    assert builtins.open is io.open is original


def test_a_pause_records_nothing(root: Path) -> None:
    (root / "input").touch()
    with reading(root) as paths, recording_paused():
        open("input").close()
    assert paths == []
