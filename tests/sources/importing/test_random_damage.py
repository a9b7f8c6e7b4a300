"""Damaged files are refused with one message or read: an import never fails in another way."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from backfleet.errors import DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.importer import Import
from sources.importing.test_daily_layouts import LAYOUTS, content

SEED = 20_260
CELLS = (b"", b"-1", b"nan", b"x", b"0", b"1e400", b"2024-13-45", b'"', b"\xff", b"99999999999999")


def damaged(rng: random.Random, text: bytes) -> bytes:
    """Return a file with one of the faults that copying, editing and downloading leave."""
    lines = text.split(b"\n")
    place = rng.randrange(len(lines))
    match rng.randrange(7):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, lines[rng.randrange(len(lines))])
        case 2:
            return text[: rng.randrange(len(text))]
        case 3:
            lines.insert(place, rng.choice(CELLS))
        case 4:
            rng.shuffle(lines)
        case 5:
            position = rng.randrange(len(text))
            return text[:position] + bytes([rng.randrange(256)]) + text[position + 1 :]
        case _:
            mark = rng.choice([b",", b";", b"\t"])
            cells = lines[place].split(mark)
            cells[rng.randrange(len(cells))] = rng.choice(CELLS)
            lines[place] = mark.join(cells)
    return b"\n".join(lines)


def check(folder: Path, number: int) -> None:
    rng = random.Random(SEED + number)
    name = rng.choice(sorted(LAYOUTS))
    for file, value in content(name, LAYOUTS[name][0]).items():
        path = folder / str(number) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = value.encode() if isinstance(value, str) else value
        path.write_bytes(damaged(rng, raw))
    # Any other error fails the test.
    with contextlib.suppress(DataError):
        list(Import(folder / str(number), ImportChoices(symbol="ABC"), lambda assumed: True).run())


def test_damaged_file_is_read_or_refused(tmp_path: Path) -> None:
    for number in range(60):
        check(tmp_path, number)


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(20))
def test_many_damaged_files_are_read_or_refused(tmp_path: Path, part: int) -> None:
    for number in range(100 + 200 * part, 300 + 200 * part):
        check(tmp_path, number)
