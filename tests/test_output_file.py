"""Files that commands write for the user: whole, or what was there before stays."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backfleet.output_file import open_output


def write(path: Path, content: bytes = b"new") -> None:
    with open_output(path) as file:
        file.write(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failure_keeps_the_existing_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("precious")

    def interrupted() -> None:
        with open_output(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "precious"
    assert names(tmp_path) == ["rows.csv"]


def test_a_missing_folder_is_reported_by_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nodir/rows\.csv'$"):
        write(tmp_path / "nodir/rows.csv")


def test_a_full_disk_keeps_the_existing_file(small_disk: Path) -> None:
    path = small_disk / "rows.csv"
    path.write_text("precious")
    with pytest.raises(OSError, match="No space left"):
        write(path, b"x" * 2**20)
    assert path.read_text() == "precious"
    assert names(small_disk) == ["rows.csv"]


def test_an_existing_file_keeps_its_permissions_and_a_new_one_follows_the_umask(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")
    path.chmod(0o640)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    umask = os.umask(0o027)
    try:
        write(tmp_path / "fresh")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_target_is_written(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "elsewhere" / "rows.csv"
    target.parent.mkdir()
    if exists:
        target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to("elsewhere/rows.csv")
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    write(tmp_path / ("n" * 255))
    assert names(tmp_path) == ["n" * 255]


def test_a_folder_and_a_ring_of_links_are_errors(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write(tmp_path)
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "ring")
    assert names(tmp_path) == ["ring"]


def test_a_pipe_and_a_device_are_written_to_and_stay(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write, args=(pipe,))
    writer.start()
    assert pipe.read_bytes() == b"new"
    writer.join()
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_that_is_a_file_gets_the_content_after_what_it_has(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = (
        "import sys; from pathlib import Path; from backfleet.output_file import open_output\n"
        "print('before', flush=True)\n"
        "with open_output(Path(sys.argv[1])) as file: file.write(b'new')\n"
    )
    with (tmp_path / "out").open("ab") as out:
        subprocess.run([sys.executable, "-c", code, name], cwd=tmp_path, stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"before\nnew"
    assert names(tmp_path) == ["link", "out"]
