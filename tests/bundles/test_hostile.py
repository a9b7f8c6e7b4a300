"""Bundles that are damaged or hostile: refused with the reason, and nothing is written."""

from __future__ import annotations

import io
import json
import re
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backfleet.bundles import import_bundle
from backfleet.bundles.contents import MAX_FILES
from backfleet.chunks.chunk import Chunk
from backfleet.errors import UserError
from backfleet.runs.labels import MAX_CHARS
from bundle_files import RECORD, listed, unzipped, zipped
from stored_records import sealed

Refuse = Callable[[Path], str]

FOLDERS = ["chunks", "blobs", "labels", "manifest.json", "validation.json"]

Files = dict[str, bytes]


@pytest.fixture
def files(bundle: Path) -> Files:
    return unzipped(bundle)


@pytest.fixture
def check_refused(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Import a bundle that must be refused, and return why."""
    store = tmp_path / "runs"

    def call(file: Path) -> str:
        with pytest.raises(UserError, match=r"Nothing was imported") as refusal:
            import_bundle(file, str(store))
        assert refusal.value.exit_code == 2
        assert str(file) in str(refusal.value)
        return str(refusal.value)

    yield call
    assert not store.exists()


def first(files: Mapping[str, bytes], folder: str) -> str:
    return next(name for name in files if name.startswith(f"{folder}/"))


NAMES = [
    "../outside",
    "chunks/../../outside",
    "/etc/cron.d/x",
    "C:/x",
    "C:x",
    "chunks\\000000.0",
    "chunks/./000000.0",
    "chunks//000000.0",
    "CHUNKS/000000.0",
    "Manifest.json",
    "manifest.json ",
    "manifest.json.",
    "chunks/٠٠٠٠٠٠.0",
    "blobs/" + "A" * 64,
    "blobs/ｆ" + "f" * 63,
    "code/" + "0" * 64 + ".py",
    "submissions/1.json",
    "submissions/1.handle.json",
    "logs/000000.0.txt",
    "results.parquet",
    "known/1/base/0123456789abcdef.json",
    "trials/1/x.json",
    "chunks/",
    "chunks",
    "aux",
    "x\n",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_bundle_has_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, name: str
) -> None:
    hostile = listed({**files, name: b"x"})
    assert repr(name)[1:-1].replace("\\\\", "\\") in check_refused(
        zipped(tmp_path / "x.zip", hostile)
    ).replace("\\\\", "\\")
    assert not (tmp_path / "outside").exists()


def test_a_file_that_the_record_does_not_list_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path
) -> None:
    hostile = zipped(tmp_path / "x.zip", {**files, "extra.txt": b""})
    assert "it holds 'extra.txt'" in check_refused(hostile)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_file_that_is_missing_is_named(
    check_refused: Refuse, files: Files, tmp_path: Path, folder: str
) -> None:
    name = folder if folder in files else first(files, folder)
    del files[name]
    assert f"lacks '{name}'" in check_refused(zipped(tmp_path / "x.zip", files))


@pytest.mark.parametrize("name", ["manifest.json", "blobs"])
def test_a_bundle_whose_record_fits_but_that_lacks_an_object_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, name: str
) -> None:
    del files[name if name in files else first(files, name)]
    assert "lacks" in check_refused(zipped(tmp_path / "x.zip", listed(files)))


def test_a_bundle_without_record_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path
) -> None:
    del files[RECORD]
    assert "it holds no bundle.json" in check_refused(zipped(tmp_path / "x.zip", files))


@pytest.mark.parametrize("folder", FOLDERS)
def test_content_that_does_not_match_its_hash_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, folder: str
) -> None:
    name = folder if folder in files else first(files, folder)
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
    reason = check_refused(zipped(tmp_path / "x.zip", files))
    assert f"{name} does not match its SHA-256" in reason


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("manifest.json", "as JSON|checksum"),
        ("chunks", "does not match its hash"),
        ("blobs", "with the SHA-256"),
        ("labels", "as JSON|checksum"),
        ("validation.json", "as JSON|checksum"),
    ],
)
def test_an_object_that_contradicts_itself_is_refused_even_if_the_record_fits(
    check_refused: Refuse, files: Files, tmp_path: Path, folder: str, reason: str
) -> None:
    name = folder if folder in files else first(files, folder)
    files[name] = files[name][:-1] + b"?"
    assert re.search(reason, check_refused(zipped(tmp_path / "x.zip", listed(files))))


def test_a_chunk_of_another_run_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path
) -> None:
    name = first(files, "chunks")
    chunk = Chunk.from_bytes(files[name])
    object.__setattr__(chunk.header, "run_id", "0" * 16)
    files[name] = chunk.to_bytes()
    assert "of run 0000000000000000" in check_refused(zipped(tmp_path / "x.zip", listed(files)))


def test_a_chunk_in_the_place_of_another_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path
) -> None:
    names = [name for name in files if name.startswith("chunks/")]
    files[names[0]] = files[names[1]]
    assert names[1] in check_refused(zipped(tmp_path / "x.zip", listed(files)))


@pytest.mark.parametrize("change", [{"count": 2}, {"first": 1}])
def test_a_chunk_with_other_tasks_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, change: dict[str, int]
) -> None:
    name = first(files, "chunks")
    chunk = Chunk.from_bytes(files[name])
    for field, value in change.items():
        object.__setattr__(chunk.header, field, value)
    files[name] = chunk.to_bytes()
    assert name in check_refused(zipped(tmp_path / "x.zip", listed(files)))


@pytest.mark.parametrize("key", ["chunks/999999.0", "chunks/000000.1"])
def test_a_chunk_that_the_run_does_not_have_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, key: str
) -> None:
    files[key] = files[first(files, "chunks")]
    check_refused(zipped(tmp_path / "x.zip", listed(files)))


def test_a_manifest_of_another_run_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path
) -> None:
    files = listed(files)
    files[RECORD] = sealed(json.loads(files[RECORD]) | {"run_id": "0" * 16})
    assert "not of 0000000000000000" in check_refused(zipped(tmp_path / "x.zip", files))


@pytest.mark.parametrize("text", ["", "x" * (MAX_CHARS["tag"] + 1), "\x1b[2J", "a\nb"])
def test_a_label_that_cannot_be_one_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, text: str
) -> None:
    name = first(files, "labels")
    files[name] = sealed(json.loads(files[name]) | {"kind": "tag", "text": text})
    check_refused(zipped(tmp_path / "x.zip", listed(files)))


FIELDS: list[dict[str, Any]] = [
    {"format": "bundle/2"},
    {"format": None},
    {"run_id": None},
    {"run_id": 7},
    {"run_id": "../../etc"},
    {"run_id": "A" * 16},
    {"files": None},
    {"files": {}},
    {"files": ["manifest.json"]},
    {"files": [{"key": "manifest.json"}]},
    {"files": [{"key": "manifest.json", "size": True, "sha256": "0" * 64}]},
    {"files": [{"key": "manifest.json", "size": 1.0, "sha256": "0" * 64}]},
    {"files": [{"key": "manifest.json", "size": -1, "sha256": "0" * 64}]},
    {"files": [{"key": "manifest.json", "size": 2**40, "sha256": "0" * 64}]},
    {"files": [{"key": "manifest.json", "size": 1, "sha256": "0" * 63}]},
    {"files": [{"key": "manifest.json", "size": 1, "sha256": "Z" * 64}]},
    {"files": [{"key": ["manifest.json"], "size": 1, "sha256": "0" * 64}]},
    {"files": [{"key": "manifest.json", "size": 1, "sha256": "0" * 64, "mode": 0o777}]},
    {"files": [{"key": "manifest.json", "size": 1, "sha256": "0" * 64}] * 2},
    {"more": 1},
]


@pytest.mark.parametrize("change", FIELDS, ids=str)
def test_a_record_with_odd_values_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, change: dict[str, Any]
) -> None:
    files[RECORD] = sealed(json.loads(files[RECORD]) | change)
    check_refused(zipped(tmp_path / "x.zip", files))


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{" * 99_999, b'{"a": 1', b"\xff", b"9" * 9999]
)
def test_a_record_that_is_no_record_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, content: bytes
) -> None:
    check_refused(zipped(tmp_path / "x.zip", {**files, RECORD: content}))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_an_entry_that_is_not_a_regular_file_is_refused(
    check_refused: Refuse, files: Files, tmp_path: Path, kind: int
) -> None:
    hostile = zipped(tmp_path / "x.zip", files, mode=kind | 0o777)
    assert "not a regular file" in check_refused(hostile)


def test_a_file_that_comes_twice_is_refused(
    check_refused: Refuse, bundle: Path, tmp_path: Path
) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(bundle.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate name"), ZipFile(file, "a") as archive:
        archive.writestr("manifest.json", b"{}")
    assert "'manifest.json' twice" in check_refused(file)


def test_compressed_entries_are_refused_so_that_nothing_can_grow(
    check_refused: Refuse, files: Files, tmp_path: Path
) -> None:
    name = "blobs/" + "0" * 64
    bomb = zipped(tmp_path / "x.zip", {**files, name: bytes(2**27)}, compression=ZIP_DEFLATED)
    assert bomb.stat().st_size < 2**20
    assert f"'{name}' compressed" in check_refused(bomb)


def test_an_entry_that_lies_about_its_size_is_refused(
    check_refused: Refuse, files: Files, bundle: Path, tmp_path: Path
) -> None:
    size = struct.pack("<II", *[len(files["manifest.json"])] * 2)
    content = bundle.read_bytes()
    assert content.count(size) == 2
    for wrong in (0, len(files["manifest.json"]) - 1, 2**31, 2**32 - 2):
        file = tmp_path / f"{wrong}.zip"
        file.write_bytes(content.replace(size, struct.pack("<II", wrong, wrong)))
        check_refused(file)


def test_entries_that_share_bytes_are_refused(
    check_refused: Refuse, files: Files, tmp_path: Path
) -> None:
    content = bytes(2**16)
    contents = {f"chunks/{number:06}.0": content for number in range(50)}
    file = zipped(tmp_path / "x.zip", listed({**files, **contents}))
    with ZipFile(file) as archive:
        first_offset = archive.getinfo("chunks/000001.0").header_offset
        offsets = {info.filename: info.header_offset for info in archive.infolist()}
        start = archive.start_dir
    data = file.read_bytes()
    directory = data[start:]
    for name, offset in offsets.items():
        if name in contents:
            at = directory.index(name.encode()) - 4
            assert directory[at : at + 4] == struct.pack("<I", offset)
            directory = directory[:at] + struct.pack("<I", first_offset) + directory[at + 4 :]
    file.write_bytes(data[:start] + directory)
    check_refused(file)


def test_very_many_entries_are_refused(check_refused: Refuse, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"")
        start = archive.start_dir
    content = buffer.getvalue()
    entry = content[content.index(b"PK\x01\x02") : content.index(b"PK\x05\x06")]
    for count in (MAX_FILES + 10, 2**20):
        directory = entry * count
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), start, 0)
        file = tmp_path / f"{count}.zip"
        file.write_bytes(content[:start] + directory + end)
        check_refused(file)


def test_a_directory_that_announces_more_than_there_is_is_refused(
    check_refused: Refuse, bundle: Path, tmp_path: Path
) -> None:
    content = bundle.read_bytes()
    at = content.rindex(b"PK\x05\x06") + 12
    for size in (2**32 - 2, 2**31, 0):
        file = tmp_path / f"{size}.zip"
        file.write_bytes(content[:at] + struct.pack("<I", size) + content[at + 4 :])
        check_refused(file)


@pytest.mark.parametrize("content", [b"", b"PK", b"#!/bin/sh\n", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_bundle_is_refused(
    check_refused: Refuse, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    check_refused(file)


def test_a_file_that_is_missing_or_a_folder_is_named(check_refused: Refuse, tmp_path: Path) -> None:
    assert "No such file" in check_refused(tmp_path / "missing.zip")
    assert "not a regular file" in check_refused(tmp_path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
@example(share=0.999)
def test_a_truncated_bundle_is_refused(
    check_refused: Refuse, bundle: Path, tmp_path: Path, share: float
) -> None:
    content = bundle.read_bytes()
    file = tmp_path / "x.zip"
    file.write_bytes(content[: int(len(content) * share)])
    check_refused(file)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(
    bundle: Path, files: Files, tmp_path: Path, data: st.DataObject, bit: int
) -> None:
    content = bytearray(bundle.read_bytes())
    directory = content.index(b"PK\x01\x02")
    near_end = st.integers(directory, len(content) - 1)
    at = data.draw(st.one_of(near_end, st.integers(0, len(content) - 1)))
    content[at] ^= 1 << bit
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    store = tmp_path / f"{at}-{bit}"
    try:
        run = import_bundle(file, str(store)).run
    except UserError:
        assert not store.exists()
    else:
        stored = {entry.key: run.store.read(entry.key) for entry in run.store.list()}
        assert stored == {name: content for name, content in files.items() if name != RECORD}
