"""The job's key `files`: which files its patterns name, and which patterns are an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from backfleet.code import declared_files
from backfleet.code.declared_files import (
    check_declared_files,
    find_declared_files,
    hash_declared_files,
)
from backfleet.errors import JobError, PluginError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "strategy"
    for name in ("tuned.json", "weights/a.npy", "weights/deep/b.npy", "weights/.hidden.npy"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["tuned.json"], ["tuned.json"]),
        (["weights/*.npy", "tuned.json"], ["tuned.json", "weights/a.npy"]),
        (["weights/**/*.npy"], ["weights/a.npy", "weights/deep/b.npy"]),
        (["weights/*", "weights/a.npy"], ["weights/a.npy"]),
        (["weights/.hidden.npy"], ["weights/.hidden.npy"]),
        ([], []),
    ],
)
def test_patterns_name_files_below_the_folder(
    root: Path, patterns: list[str], names: list[str]
) -> None:
    assert list(find_declared_files(root, patterns)) == names


def test_only_content_and_name_decide_a_hash(root: Path, tmp_path: Path) -> None:
    before = hash_declared_files(find_declared_files(root, ["*.json"]))
    moved = root.rename(tmp_path / "moved")
    assert hash_declared_files(find_declared_files(moved, ["*.json"])) == before
    (moved / "tuned.json").write_text("other")
    assert hash_declared_files(find_declared_files(moved, ["*.json"])) != before


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("absent.json", r"'absent.json' matches no file in .*, the strategy's folder"),
        ("weight?", r"'weight\?' matches no regular file in"),
    ],
)
def test_patterns_without_a_file_are_refused(root: Path, pattern: str, message: str) -> None:
    with pytest.raises(JobError, match=f"^files: {message}"):
        find_declared_files(root, [pattern])


def test_links_may_stay_inside_the_folder_and_not_leave_it(root: Path, tmp_path: Path) -> None:
    (root / "current.json").symlink_to("tuned.json")
    (tmp_path / "outside.json").write_text("{}")
    assert list(find_declared_files(root, ["current.json"])) == ["current.json"]
    (root / "linked.json").symlink_to(tmp_path / "outside.json")
    (root / "folder").symlink_to(tmp_path)
    for pattern in ("linked.json", "folder/outside.json"):
        with pytest.raises(JobError, match=f"{pattern} is a link that leads outside"):
            find_declared_files(root, [pattern])


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "C:a", "a\udcff"])
def test_names_that_not_every_system_holds_are_refused(root: Path, name: str) -> None:
    (root / name).touch()
    with pytest.raises(JobError, match="cannot be the name of a file on every system"):
        find_declared_files(root, ["[aC]*"])


def test_names_that_differ_only_in_case_are_refused(root: Path) -> None:
    (root / "Tuned.json").touch()
    with pytest.raises(JobError, match=r"Tuned\.json and tuned\.json differ only in case"):
        find_declared_files(root, ["*.json"])


def test_too_many_bytes_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared_files, "MAX_CODE_BYTES", 15)
    assert len(find_declared_files(root, ["tuned.json"])) == 1
    with pytest.raises(JobError, match=r"^files: 2 files of 0\.0 MiB in all are too many or too"):
        find_declared_files(root, ["tuned.json", "weights/a.npy"])


def test_workers_refuse_files_that_are_not_the_planned_ones(root: Path) -> None:
    planned = hash_declared_files(find_declared_files(root, ["tuned.json"]))
    check_declared_files(planned, root)
    (root / "tuned.json").write_text("other")
    with pytest.raises(PluginError, match=r"tuned\.json has changed since the run was planned"):
        check_declared_files(planned, root)
    (root / "tuned.json").unlink()
    with pytest.raises(PluginError, match=r"tuned\.json: No such file"):
        check_declared_files(planned, root)
