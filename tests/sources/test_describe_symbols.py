"""Symbols are described in order, in several processes, and bad ones are results too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backfleet.bars import BarsWindow
from backfleet.errors import DataError
from backfleet.plan.data import open_source
from backfleet.source import SourceSettings
from backfleet.sources import each_symbol
from backfleet.sources.bar_cache import BarCache, SymbolData
from backfleet.sources.describe_symbols import describe_symbols
from sources.conftest import Counted

HEADER = "date,open,high,low,close\n"


@pytest.mark.parametrize("is_forked", [False, True])
def test_bad_files_cost_only_their_own_symbols_and_the_order_stays(
    data: Path,
    tmp_path: Path,
    settle: Callable[[Path], None],
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
    is_forked: bool,
) -> None:
    monkeypatch.setattr(each_symbol, "MIN_FORKED_SECONDS", 0.0)
    monkeypatch.setattr(each_symbol, "usable_cpus", lambda: 2)
    # The runner of the tests has threads of its own, which do nothing meanwhile.
    monkeypatch.setattr(each_symbol, "_can_fork", lambda: is_forked)
    names = [f"S{number:02}" for number in range(40)]
    for number, name in enumerate(names):
        row = "2020-01-01,2,3,1,2\n" if number % 7 else "2020-01-01,2,3,1,-2\n"
        (data / f"{name}.csv").write_text(HEADER + row)
        settle(data / f"{name}.csv")
    source = open_source("csv", SourceSettings(str(data), "UTC", (), {}))

    def described() -> dict[str, SymbolData | DataError]:
        with BarCache("code", tmp_path / "cache") as bar_cache:
            return dict(describe_symbols(bar_cache, source, names, BarsWindow()))

    first = described()
    assert list(first) == names
    bad = [name for name, result in first.items() if isinstance(result, DataError)]
    assert bad == names[::7]
    assert "S07.csv: row 2: close is '-2'" in str(first["S07"])
    assert counted.parses == (1 if is_forked else len(names))
    monkeypatch.setattr(each_symbol, "_can_fork", lambda: False)
    parses = counted.parses
    again = described()
    # Only the bad files are read again.
    assert counted.parses - parses == len(bad)
    sound = [name for name in names if name not in bad]
    assert [again[name] for name in sound] == [first[name] for name in sound]
