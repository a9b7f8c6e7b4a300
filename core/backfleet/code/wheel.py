"""Packing code as a wheel that depends on nothing but the code: the same files, the same bytes,
whatever built them, on whichever machine."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import stat
from collections.abc import Iterable, Mapping
from itertools import groupby
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from backfleet.code.distributions import EntryPoint
from backfleet.code.packages import CodePackage

__all__ = ["pack", "zip_entry"]

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""

UNIX = 3
MODE = stat.S_IFREG | 0o644

PURE = "py3-none-any"

WHEEL = """\
Wheel-Version: 1.0
Generator: backfleet
Root-Is-Purelib: {is_pure}
Tag: {tag}
"""


def pack(package: CodePackage) -> bytes:
    """The package as a wheel, with what of its metadata makes its plugins found. Raises OSError."""
    files = {path: file.read_bytes() for path, file in package.files.items()}
    info = f"{_escaped(package.name)}-{_escaped(package.version)}.dist-info"
    files |= {f"{info}/{name}": text.encode() for name, text in _metadata(package).items()}
    # Last, as it lists all others; its own line has neither hash nor size.
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    return _zip(files)


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    # Not compressed: what zlib makes of the same bytes differs between its versions.
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zip_entry(name), content)
    return buffer.getvalue()


def zip_entry(name: str) -> ZipInfo:
    """Return an entry that says nothing of when and on which machine it was written."""
    entry = ZipInfo(name, EPOCH)
    entry.create_system = UNIX
    # The upper half of this field holds the mode on Unix.
    entry.external_attr = MODE << 16
    return entry


def _metadata(package: CodePackage) -> dict[str, str]:
    lines = ["Metadata-Version: 2.1", f"Name: {package.name}", f"Version: {package.version}"]
    lines += (f"Requires-Dist: {requirement}" for requirement in package.requires)
    tag = package.platform or PURE
    wheel = WHEEL.format(is_pure=str(not package.platform).lower(), tag=tag)
    texts = {"METADATA": "\n".join([*lines, ""]), "WHEEL": wheel}
    if package.entry_points:
        texts["entry_points.txt"] = _entry_points(package.entry_points)
    return texts


def _entry_points(points: Iterable[EntryPoint]) -> str:
    groups = groupby(sorted(points), key=lambda point: point[0])
    parts = (
        "".join([f"[{group}]\n", *(f"{name} = {target}\n" for _, name, target in points)])
        for group, points in groups
    )
    return "\n".join(parts)


def _record(files: Mapping[str, bytes], own: str) -> bytes:
    lines = (f"{path},sha256={_digest(files[path])},{len(files[path])}\n" for path in sorted(files))
    return "".join([*lines, f"{own},,\n"]).encode()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _escaped(text: str) -> str:
    """A part of a wheel's file names."""
    return re.sub(r"[^A-Za-z0-9.+!]+", "_", text)
