"""What an import writes appears whole, is not written again, and replaces only imports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backfleet.errors import DataError
from backfleet.sources.importing import pieces
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.run import import_files
from sources.importing.conftest import Import
from sources.importing.layouts import BARS, DAYS, EXPECTED, table

OHLCV = "date,open,high,low,close,volume"
PLAIN = table([[d, *b] for d, b in zip(DAYS, BARS, strict=True)], OHLCV)
LONG = table(
    [[d, s, *b] for d, b in zip(DAYS, BARS, strict=True) for s in ("ABC", "XYZ")],
    "date,symbol,open,high,low,close,volume",
)


def written(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_repeated_import_does_nothing(importing: Import) -> None:
    first = importing({"ABC.csv": PLAIN})
    before = written(importing.target)
    again = importing({})
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (again.record, written(importing.target)) == (first.record, before)


def test_import_of_files_that_were_only_touched_does_nothing(importing: Import) -> None:
    root = importing.write({"ABC.csv": PLAIN})
    importing({})
    os.utime(root / "ABC.csv", (1, 1))
    assert importing({}).unchanged


@pytest.mark.parametrize("change", ["content", "options", "output"])
def test_change_of_content_options_or_output_imports_again(importing: Import, change: str) -> None:
    importing({"ABC.csv": PLAIN})
    if change == "content":
        outcome = importing({"ABC.csv": PLAIN.replace("20.05", "20.06")})
        assert importing.rows(outcome) != EXPECTED
    elif change == "options":
        outcome = importing({}, volume_unit=100.0)
        assert importing.rows(outcome)[0][5] == EXPECTED[0][5] * 100
    else:
        (importing.target / "ABC.parquet").write_bytes(b"damaged")
        outcome = importing({})
        assert importing.rows(outcome) == EXPECTED
    assert not outcome.unchanged


def test_refused_import_leaves_an_earlier_one_as_it_was(importing: Import) -> None:
    importing({"ABC.csv": PLAIN})
    before = written(importing.target)
    with pytest.raises(DataError, match="not a number"):
        importing({"XYZ.csv": PLAIN + "2021-07-01,1,2,x,1,5\n"})
    assert written(importing.target) == before
    assert sorted(path.name for path in importing.folder.iterdir()) == ["out", "vendor"]


def test_refused_import_leaves_no_empty_folder(importing: Import, tmp_path: Path) -> None:
    root = importing.write({"ABC.csv": PLAIN + "2021-07-01,1,2,x,1,5\n"})
    with pytest.raises(DataError, match="not a number"):
        import_files(root, tmp_path / "new/deep/out", ImportChoices(), lambda assumptions: True)
    assert not (tmp_path / "new").exists()


def test_folder_that_cannot_be_listed_is_named_in_place_of_the_target(
    importing: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = importing.write({"ABC.csv": PLAIN})

    def denied(folder: str) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    # Permissions do not stop root.
    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DataError, match=r"vendor: cannot be read: Permission denied"):
        import_files(root, importing.target, ImportChoices(), lambda assumptions: True)


def test_folder_with_other_files_is_never_replaced(importing: Import) -> None:
    importing({"ABC.csv": PLAIN})
    (importing.target / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"files that no import has written, such as 'notes\.txt'"):
        importing({"XYZ.csv": PLAIN})
    assert (importing.target / "notes.txt").read_text() == "mine"


def test_assumption_without_consent_writes_nothing(importing: Import) -> None:
    wide = table([[d, b[3], b[3]] for d, b in zip(DAYS, BARS, strict=True)], "date,ABC,XYZ")
    with pytest.raises(DataError, match=r"(?s)assumed: each column is the closes.*--yes"):
        importing({"closes.csv": wide}, yes=False)
    assert not importing.target.exists()


def test_rows_that_do_not_fit_into_memory_are_mapped_from_a_file(
    importing: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "MAX_BYTES", 1)
    outcome = importing({"a.csv": LONG, "b.csv": LONG.replace("2021-", "2022-")})
    rows = importing.rows(outcome, "XYZ")
    assert rows[: len(EXPECTED)] == EXPECTED
    assert (len(rows), outcome.record.bars) == (60, 120)


def test_preview_and_record_say_what_was_understood(importing: Import) -> None:
    outcome = importing({"ABC.csv": PLAIN})
    assert len(outcome.preview) == 5
    assert outcome.preview[0] == (
        "ABC  2021-05-17  open 20.05  high 20.16  low 19.87  close 20  volume 3000  factor 1"
    )
    assert outcome.record.data == {"source": "parquet", "timezone": "UTC"}
    assert outcome.record.symbols == {"ABC": "ABC"}
