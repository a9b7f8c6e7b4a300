"""Wheels of code: the same files, the same bytes; what installers and importers make of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from backfleet.code.packages import CodePackage
from backfleet.code.wheel import pack

FILES = {
    "acme_alpha/__init__.py": "",
    "acme_alpha/hold.py": "LEVEL = 3\n",
    "acme_alpha/data/größe.csv": "1,2\n",
    "acme_single.py": "import acme_alpha\n",
}
POINTS = (
    ("backfleet.strategies", "acme-hold", "acme_alpha.hold:Hold"),
    ("backfleet", "acme", "acme_single"),
    ("console_scripts", "acme", "acme_single:main"),
)
REQUIRES = ("backtrader>=1.9", "numpy")
DIGEST = "f23373b7a8e5df90644965c72f46b474a56cefb7b0504c4cf54860673e028762"
"""Of that package. It may only change where what wheels are made of is changed on purpose: another
digest of the same code makes everyone store and fetch it once more."""


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def package(folder: Path, files: Mapping[str, str] = FILES) -> CodePackage:
    """A package whose files are written into a folder, in that order."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    paths = {name: folder / name for name in files}
    return CodePackage("acme-alpha", "1.2+local.1", paths, POINTS, REQUIRES)


def test_the_same_source_gives_the_same_bytes_on_every_machine(tmp_path: Path) -> None:
    assert hashlib.sha256(pack(package(tmp_path))).hexdigest() == DIGEST


@pytest.mark.usefixtures("umask")
def test_times_modes_and_order_of_files_decide_nothing(tmp_path: Path) -> None:
    other = package(tmp_path / "other", dict(reversed(FILES.items())))
    for number, file in enumerate(other.files.values()):
        os.utime(file, (number * 1e6, number * 1e6))
        file.chmod(0o700)
    assert hashlib.sha256(pack(other)).hexdigest() == DIGEST


@pytest.mark.parametrize(
    "edit",
    [
        {"acme_alpha/hold.py": "LEVEL = 4\n"},
        {"acme_alpha/data/größe.csv": "1,3\n"},
        {"acme_alpha/more.py": ""},
    ],
)
def test_other_source_gives_other_bytes(tmp_path: Path, edit: dict[str, str]) -> None:
    assert hashlib.sha256(pack(package(tmp_path, FILES | edit))).hexdigest() != DIGEST


def test_an_installer_takes_it_for_a_wheel(
    tmp_path: Path, fresh_python: Path, pip_install: Callable[..., None]
) -> None:
    wheel = tmp_path / "acme_alpha-1.2+local.1-py3-none-any.whl"
    wheel.write_bytes(pack(package(tmp_path / "source")))
    pip_install(wheel)
    code = """
from importlib.metadata import distribution
import acme_single
found = distribution("acme-alpha")
points = sorted((each.group, each.name, each.value) for each in found.entry_points)
print([found.version, found.requires, points, acme_single.acme_alpha.__file__])
"""
    done = subprocess.run([fresh_python, "-c", code], capture_output=True, text=True, check=True)
    (module,) = fresh_python.parents[1].glob("lib/*/site-packages/acme_alpha/__init__.py")
    expected = ["1.2+local.1", list(REQUIRES), sorted(POINTS), str(module)]
    assert done.stdout.strip() == str(expected)


def test_a_file_that_goes_away_is_an_error_of_the_system(tmp_path: Path) -> None:
    gone = package(tmp_path)
    (tmp_path / "acme_single.py").unlink()
    with pytest.raises(FileNotFoundError):
        pack(gone)


def test_nothing_is_compressed(tmp_path: Path) -> None:
    wheel = tmp_path / "acme.whl"
    wheel.write_bytes(pack(package(tmp_path)))
    with ZipFile(wheel) as archive:
        assert all(member.compress_size == member.file_size for member in archive.infolist())
        assert archive.namelist() == sorted(archive.namelist())
