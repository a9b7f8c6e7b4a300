"""Damage to a store: one seed is one way in which one object, record or folder is not what it was.

Records are damaged in two ways: as bytes, and as JSON whose checksum is computed again, as somebody
would who knows the format.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backfleet.store.records import canonical_digest
from stored_records import sealed

__all__ = ["SECRET", "SECRET_TEXT", "damage"]

SECRET = "secret.txt"
SECRET_TEXT = "nobody may print this"
"""A file beside the store, to which links lead, and its content."""

SPARSE_BYTES = 10**9

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    2**31,
    2**63 - 1,
    2**63,
    2**70,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "x" * 5000,
    "0" * 16,
    "0" * 64,
    "../../secret.txt",
    "/etc/passwd",
    "\x1b[2J",
    "\ud800",
    "a\nb",
    "s3://bucket/x",
    "2024-13-45",
    "each",
    "portfolio",
    [],
    {},
    [[]],
    [None],
    {"": {}},
    [0] * 200_000,
)

RAW = (
    b"",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"{}",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 10_000,
    b'{"a": NaN}',
    b'{"a": 1, "a": 2}',
    b"PAR1",
    b"\0" * 5000,
    "{}".encode("utf-16"),
    b"[" * 20 + b"]" * 20,
    b"[" + b"[]," * 5_000_000 + b"0]",
)


def damage(run: Path, neighbor: Path, chance: random.Random) -> str:
    """Damage the run in the folder `run`, and return what was done."""
    way = chance.choices(WAYS, WEIGHTS)[0]
    return way(run, neighbor, chance)


def _object(run: Path, chance: random.Random) -> Path:
    """Choose an object such that each kind is equally likely."""
    files = [path for path in sorted(run.rglob("*")) if path.is_file()]
    kinds: dict[str, list[Path]] = {}
    for file in files:
        kind = file.relative_to(run).parts[0]
        if kind == "submissions":
            kind = file.name.partition(".")[2]
        kinds.setdefault(kind, []).append(file)
    return chance.choice(kinds[chance.choice(sorted(kinds))])


def alter_bytes(run: Path, neighbor: Path, chance: random.Random) -> str:
    file = _object(run, chance)
    content = bytearray(file.read_bytes())
    choice = chance.randrange(5)
    if choice == 0 and content:
        for _ in range(chance.choice((1, 1, 8))):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif choice == 1:
        del content[chance.randrange(len(content) + 1) :]
    elif choice == 2:
        content += chance.randbytes(chance.choice((1, 1000)))
    elif choice == 3:
        content = bytearray(chance.randbytes(len(content)))
    else:
        content = bytearray(chance.choice(RAW))
    file.write_bytes(content)
    return f"bytes of {file.relative_to(run)} ({choice})"


def swap(run: Path, neighbor: Path, chance: random.Random) -> str:
    """Put another object into the place of an object: of the neighbor, or of the run itself."""
    file = _object(run, chance)
    same = neighbor / file.relative_to(run)
    other = same if same.is_file() and chance.random() < 0.5 else _object(neighbor, chance)
    if chance.random() < 0.3:
        other = _object(run, chance)
    if other != file:
        shutil.copyfile(other, file)
    return f"{other} in the place of {file.relative_to(run)}"


def exchange(run: Path, neighbor: Path, chance: random.Random) -> str:
    """Put what is not a regular file into the place of an object or a folder."""
    path = _object(run, chance)
    if chance.random() < 0.3 and path.parent != run:
        path = path.parent
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    secret = run.parent.parent / SECRET
    what = chance.choice(("folder", "fifo", "link", "loop", "dangling", "zero", "sparse", "up", ""))
    if what == "folder":
        path.mkdir()
        (path / "x").write_bytes(b"")
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "sparse":
        path.touch()
        os.truncate(path, SPARSE_BYTES)
    elif what:
        targets = {"link": secret, "loop": path, "dangling": "nowhere", "zero": "/dev/zero"}
        path.symlink_to(targets.get(what, run.parent.parent))
    return f"{what or 'nothing'} in the place of {path.relative_to(run)}"


def alter_record(run: Path, neighbor: Path, chance: random.Random) -> str:
    """Set a field of a record to an odd value, with a checksum that fits."""
    file = _object(run, chance)
    if file.suffix != ".json":
        file = chance.choice(sorted(run.rglob("*.json")))
    record = json.loads(file.read_bytes())
    where = _alter(record, chance)
    if file.name == "manifest.json" and isinstance(record.get("identity"), dict):
        _fit_identity(run, record)
    file.write_bytes(sealed(record))
    return f"{where} of {file.relative_to(run)}"


def alter_chunk(run: Path, neighbor: Path, chance: random.Random) -> str:
    """Change the header or the rows of a chunk, with a hash that fits."""
    file = chance.choice(sorted((run / "chunks").iterdir()))
    first, header, body = file.read_bytes().split(b"\n", 2)
    data = json.loads(header)
    if chance.random() < 0.3:
        blobs = sorted((run / "blobs").iterdir())
        body = chance.choice((b"", b"PAR1", chance.choice(blobs).read_bytes(), body[:-50]))
        where = "the rows"
    elif chance.random() < 0.4:
        names = list(data["blobs"].values())
        chance.shuffle(names)
        data["blobs"] = dict(zip(data["blobs"], names, strict=True))
        where = "the names of blobs"
    else:
        where = _alter(data, chance)
    file.write_bytes(_sealed_chunk(first, json.dumps(data).encode(), body))
    return f"{where} of {file.relative_to(run)}"


def alter_handle(run: Path, neighbor: Path, chance: random.Random) -> str:
    """Have the handle of an unfinished run name this process, or its paths lead elsewhere."""
    for file in list((run / "chunks").iterdir())[:1]:
        file.unlink()
    (run / "results.parquet").unlink(missing_ok=True)
    file = run / "submissions" / "1.handle.json"
    record = json.loads(file.read_bytes())
    handle: Any = chance.choice(
        (
            [],
            {},
            {"workers": [[os.getpid(), 0.0]]},
            record["handle"] | {"workers": [[os.getpid(), 0.0]], "logs": "/etc"},
            record["handle"] | {"url": "../../x", "run": "../../..", "number": -1},
            record["handle"] | {"client": [-1, 0.0], "workers": [[-1, 0.0], [0, 0.0]]},
            record["handle"] | {"host": "\ud800"},
        )
    )
    file.write_bytes(sealed(record | {"handle": handle}))
    executor = chance.choice(
        ("local", "local", "local", "docker", "aws-batch", "nosuch", "", "../x")
    )
    submission = run / "submissions" / "1.json"
    submission.write_bytes(sealed(json.loads(submission.read_bytes()) | {"executor": executor}))
    return f"handle {handle!r:.200} of {executor!r}"


def add(run: Path, neighbor: Path, chance: random.Random) -> str:
    """Add folders and objects of odd names."""
    names = (
        "2.json",
        "01.json",
        "999999999.json",
        "2.handle.json",
        "1.failure.0.json",
        "1.failure.x.json",
    )
    name = chance.choice(names)
    content = chance.choice((*RAW[:-1], (run / "submissions" / "1.json").read_bytes()))
    (run / "submissions" / name).write_bytes(content)
    (run / "chunks" / chance.choice(("999999.0", "000000.99", "0.0", "000000.0.0"))).write_bytes(
        content
    )
    for folder in ("labels", "parts", "code", "logs", "known"):
        (run / folder).mkdir(exist_ok=True)
        (run / folder / chance.choice(("0" * 64, "000000.0", "x.json"))).write_bytes(content)
    other = run.parent / chance.choice(("notes", "0" * 16, "known", "trials", "x" * 200))
    if chance.random() < 0.5:
        other.mkdir(exist_ok=True)
        (other / "manifest.json").write_bytes(content)
    elif not other.exists():
        other.symlink_to(chance.choice((neighbor.name, "/etc", "nowhere", other.name)))
    return f"{name} and {other.name} added"


def _alter(data: Any, chance: random.Random) -> str:
    """Change one value somewhere in JSON; return its path."""
    path, value = "", data
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return path
        key = chance.choice(keys)
        path += f".{key}"
        inner = value[key]
        if not isinstance(inner, (dict, list)) or not inner or chance.random() < 0.2:
            break
        value = inner
    choice = chance.random()
    if choice < 0.1:
        del value[key]
    elif choice < 0.2 and isinstance(value, dict):
        value["surprise"] = value[key]
    elif choice < 0.25:
        value[key] = _deep(chance.choice((70, 900)))
    else:
        value[key] = chance.choice(ODD_VALUES)
    return path


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def _fit_identity(run: Path, record: dict[str, Any]) -> None:
    """Give the manifest and its chunks the id that the altered identity has."""
    before = record.get("run_id")
    record["run_id"] = after = canonical_digest(record["identity"])[:16]
    for file in sorted((run / "chunks").iterdir()):
        first, header, body = file.read_bytes().split(b"\n", 2)
        header = header.replace(str(before).encode(), after.encode())
        file.write_bytes(_sealed_chunk(first, header, body))


def _sealed_chunk(first: bytes, header: bytes, body: bytes) -> bytes:
    mark = first.rpartition(b" ")[0]
    rest = header + b"\n" + body
    return mark + b" " + hashlib.sha256(mark + rest).hexdigest().encode() + b"\n" + rest


Way = Callable[[Path, Path, random.Random], str]
WAYS: tuple[Way, ...] = (
    alter_bytes,
    swap,
    exchange,
    alter_record,
    alter_chunk,
    alter_handle,
    add,
)
WEIGHTS = (3, 2, 3, 6, 3, 1, 1)
