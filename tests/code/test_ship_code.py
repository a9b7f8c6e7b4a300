"""Which code is shipped: what workers lack or have otherwise, if it can run there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.code import ship_code
from backfleet.code.hashes import distribution_hashes
from backfleet.code.packages import CodePackage
from backfleet.code.ship_code import check_backfleet_code, packages_to_ship
from backfleet.errors import PluginError
from backfleet.strategy import locate_strategy

BUILTIN = "backfleet.sources.cn_daily:CnDailySource"

Site = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Lay out a distribution of one module, and find it in this process."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def lay_out(name: str, code: str = "", requires: tuple[str, ...] = (), **files: str) -> None:
        module = name.replace("-", "_")
        info = tmp_path / "site" / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        paths = {f"{module}/__init__.py": code, **{f"{module}/{k}": v for k, v in files.items()}}
        for path, text in paths.items():
            file = tmp_path / "site" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
        lines += (f"Requires-Dist: {requirement}" for requirement in requires)
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in paths))

    return lay_out


def shipped(target: str, installed: Mapping[str, str], *plugins: str) -> list[str]:
    packages = packages_to_ship(locate_strategy(target), [BUILTIN, *plugins], installed)
    return [package.name for package in packages]


def test_what_workers_have_at_that_hash_stays_and_the_rest_is_shipped(site: Site) -> None:
    site("trav-lib")
    site("trav-alpha", "import trav_lib, dateutil")
    there = dict(distribution_hashes(["trav-alpha", "trav-lib", "python-dateutil", "six"]))
    assert len(there) == 4
    assert shipped("trav_alpha:A", there) == []
    assert shipped("trav_alpha:A", there | {"trav-lib": "0" * 64}) == ["trav-lib"]
    del there["trav-alpha"]
    assert shipped("trav_alpha:A", there) == ["trav-alpha"]


def test_code_of_every_kind_of_plugin_is_shipped(site: Site) -> None:
    for name in ("trav-alpha", "trav-engine", "trav-hooks", "trav-source", "trav-index"):
        site(name)
    plugins = ["trav_source:A", "trav_index:A", "trav_engine:A", "trav_hooks:A"]
    names = ["trav-alpha", "trav-engine", "trav-hooks", "trav-index", "trav-source"]
    assert shipped("trav_alpha:A", {}, *plugins) == names


def test_backfleets_own_code_and_what_the_id_pins_are_not_shipped(site: Site) -> None:
    site("trav-alpha", "import numpy, pandas, backtrader, numba, backfleet.bars")
    assert shipped("trav_alpha:A", {}) == ["trav-alpha"]


def test_a_module_of_no_distribution_is_shipped_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "trav_loose").mkdir()
    (tmp_path / "trav_loose" / "part.py").write_text("import trav_single")
    (tmp_path / "trav_single.py").write_text("")
    assert shipped("trav_loose.part:A", {}) == ["trav_loose.part", "trav_single"]


def test_of_a_folder_the_modules_are_shipped_that_the_strategy_reaches_and_what_they_import(
    site: Site, tmp_path: Path
) -> None:
    site("trav-lib")
    folder = tmp_path / "folder"
    (folder / "space" / "deep").mkdir(parents=True)
    (folder / "mine.py").write_text("import near, trav_lib, space.deep.part")
    for name in ("near.py", "apart.py", "notes.txt", "space/deep/part.py"):
        (folder / name).write_text("")
    reference = locate_strategy(f"{folder}/mine.py:Mine")
    mine, lib = packages_to_ship(reference, [], {})
    assert (mine.name, mine.folder, lib.name) == ("folder-of-mine", folder, "trav-lib")
    assert set(mine.files) == {"mine.py", "near.py", "space/deep/part.py"}
    declaring = replace(reference, modules=("apart",))
    assert "apart.py" in packages_to_ship(declaring, [], {})[0].files


def test_a_plugin_beside_a_strategy_in_a_file_is_shipped_as_the_distribution_that_it_is(
    site: Site, tmp_path: Path
) -> None:
    site("trav-hooks")
    (tmp_path / "site" / "mine.py").write_text("import trav_hooks")
    reference = locate_strategy(f"{tmp_path}/site/mine.py:Mine")
    mine, hooks = packages_to_ship(reference, ["trav_hooks:A"], {})
    assert (mine.name, set(mine.files)) == ("folder-of-mine", {"mine.py", "trav_hooks/__init__.py"})
    assert (hooks.name, hooks.version) == ("trav-hooks", "1.0")


@pytest.mark.parametrize(
    "file", ["fast.cpython-311-x86_64-linux-gnu.so", "fast.so", "lib.so.1", "fast.pyd", "x.dylib"]
)
def test_machine_code_is_not_shipped(site: Site, file: str) -> None:
    site("trav-alpha", **{file: ""})
    advice = r"backfleet image build --with trav-alpha$"
    with pytest.raises(PluginError, match=rf"trav_alpha/{file} is machine code; .*{advice}"):
        shipped("trav_alpha:A", {})
    assert shipped("trav_alpha:A", distribution_hashes(["trav-alpha"])) == []


def test_a_compiled_library_that_workers_lack_is_named(site: Site) -> None:
    site("trav-alpha", "import yaml")
    with pytest.raises(PluginError, match=r"^pyyaml \S+ cannot .* image build --with pyyaml$"):
        shipped("trav_alpha:A", {})


def test_a_requirement_that_workers_lack_is_named(site: Site) -> None:
    site(
        "trav-alpha",
        requires=(
            "Trav.Missing[fast]>=1; python_version > '3'",
            "other-missing",
            "numpy>=1",
            "never; python_version < '3'",
            "only-for-tests; extra == 'test'",
            "Trav_Lib",
        ),
    )
    there = {"numpy": "", "trav-lib": ""}
    with pytest.raises(PluginError) as refused:
        shipped("trav_alpha:A", there)
    assert str(refused.value) == (
        "trav-alpha 1.0 cannot be shipped to the workers: it requires other-missing, trav-missing, "
        "which they lack; build an image: "
        "backfleet image build --with other-missing --with trav-missing"
    )


def test_a_requirement_that_is_shipped_too_is_met(site: Site) -> None:
    site("trav-lib")
    site("trav-alpha", "import trav_lib", requires=("trav-lib>=1",))
    assert shipped("trav_alpha:A", {}) == ["trav-alpha", "trav-lib"]


def test_a_requirement_that_nobody_can_read_is_told(site: Site) -> None:
    site("trav-alpha", requires=("not a requirement!",))
    with pytest.raises(PluginError, match=r"trav-alpha 1.0 requires 'not a requirement!'"):
        shipped("trav_alpha:A", {})


@pytest.mark.parametrize(("limit", "value"), [("MAX_CODE_BYTES", 10), ("MAX_CODE_FILES", 1)])
def test_what_is_too_large_is_not_shipped(
    site: Site, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    site("trav-alpha", "x = 1  # a comment", more="")
    monkeypatch.setattr(ship_code, limit, value)
    with pytest.raises(PluginError, match="2 files of 0 MiB are too large; build an image"):
        shipped("trav_alpha:A", {})


def test_all_problems_are_told_at_once(site: Site) -> None:
    site("trav-lib", **{"fast.so": ""})
    site("trav-alpha", "import trav_lib", requires=("trav-missing",))
    with pytest.raises(PluginError, match=r"(?s)trav-alpha.*trav-missing.*\n.*trav-lib.*fast\.so"):
        shipped("trav_alpha:A", {})


def test_workers_with_another_backfleet_are_refused() -> None:
    here = distribution_hashes(["backfleet"])
    check_backfleet_code(here)
    with pytest.raises(PluginError, match=r"differs .*rebuild their image: backfleet image"):
        check_backfleet_code({"backfleet": "0" * 64})
    with pytest.raises(PluginError, match="is not installed where the workers run"):
        check_backfleet_code({})


def test_code_that_went_away_is_an_error_that_names_it(tmp_path: Path) -> None:
    gone = CodePackage("trav-gone", "1", {"trav_gone.py": tmp_path / "trav_gone.py"})
    with pytest.raises(PluginError, match="the code of trav-gone cannot be read"):
        assert gone.content
