"""The presets that are shipped, and those of a user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backfleet.errors import DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.containers import open_parts
from backfleet.sources.importing.form import match_layout
from backfleet.sources.importing.part_rows import named_frame
from backfleet.sources.importing.parts import TextSettings
from backfleet.sources.importing.preset import all_presets, load_preset
from backfleet.sources.importing.shapes import shape_of
from sources.importing.conftest import Import
from sources.importing.layouts import BARS, DAYS, table

NAMES = {
    "firstrate": "ABC_full_1min_adjsplitdiv.txt",
    "lean": "daily/abc.zip",
}
"""Names of files that are a part of the layout."""

WITHOUT_TEXT = {"freqtrade", "lean"}


@pytest.mark.parametrize("name", sorted(all_presets().keys() - WITHOUT_TEXT))
def test_example_of_a_preset_has_its_layout(tmp_path: Path, name: str) -> None:
    file = tmp_path / NAMES.get(name, "ABC.csv")
    file.write_text(all_presets()[name].example.lstrip("\n"), "utf-8")
    (part,) = open_parts(file, file.name, TextSettings())
    frame = part.sample()
    header, names, frame = named_frame(part, frame)
    shape = shape_of(header, frame)
    if shape:
        names = next(iter(shape.blocks.values()))[1]
    recognized, _ = match_layout(names, part, ImportChoices(preset=name), len(frame.columns))
    assert recognized == name
    assert len(frame) >= 1


OWN = """
title = "Our recorder"
example = "when|o|h|l|c|v"
[[layouts]]
needs = ["when", "o", "h", "l", "c", "v"]
columns = { date = "when" }
volume_scale = 10
adjust = "none"
"""


def test_alternatives_of_a_preset_that_a_file_lacks_are_refused(importing: Import) -> None:
    preset = importing.folder / "mine.toml"
    preset.write_text(OWN.replace('date = "when"', 'date = "when", amount = "x|y"'))
    files = {"ABC.txt": table([[DAYS[0], *BARS[0]]], "when|o|h|l|c|v", "|")}
    with pytest.raises(DataError, match=r"row 1: there is no column 'x\|y' for the amount"):
        importing(files, preset=str(preset))


def test_preset_of_ones_own_works_like_a_shipped_one(importing: Import) -> None:
    preset = importing.folder / "mine.toml"
    preset.write_text(OWN)
    rows = [[d, *b] for d, b in zip(DAYS, BARS, strict=True)]
    outcome = importing({"ABC.txt": table(rows, "when|o|h|l|c|v", "|")}, preset=str(preset))
    assert importing.rows(outcome)[0][5] == BARS[0][4] * 10
    preset.write_text(OWN.replace("volume_scale = 10", "volume_scale = 20"))
    again = importing({}, preset=str(preset))
    assert importing.rows(again)[0][5] == BARS[0][4] * 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = 1", "title = 1: must be text in quotes"),
        (OWN.split("[[")[0], r"layouts: is required"),
        (OWN.replace("adjust", "adjusts"), r"layouts\[0\]\.adjusts: unknown key; did you mean 'a"),
        (
            OWN.replace('date = "when"', 'dated = "when"'),
            "unknown role 'dated'; did you mean 'date'",
        ),
        (OWN + 'timezone = "Mars/North"', 'timezone = "Mars/North": is not an IANA time zone'),
        (OWN + "price_scale = 0", r"layouts\[0\]\.price_scale = 0: must be greater than 0"),
        (OWN + 'adjust_column = "x"', "adjust_column: 'x' is not one of needs"),
        (OWN + 'notes = "x"', r'layouts\[0\]\.notes = "x": must be a list'),
        (OWN + "path = '('", "is not a regular expression"),
        ("= 1", "this is not TOML"),
    ],
)
def test_wrong_preset_is_refused_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        load_preset(str(file))


def test_pipe_in_the_place_of_a_preset_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.toml")
    with pytest.raises(DataError, match=r"mine\.toml: "):
        load_preset(str(tmp_path / "mine.toml"))
