"""The source `preset` reads a vendor's files as they are, and never guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from backfleet.errors import DataError, JobError
from backfleet.job import Data
from backfleet.plan.data import source_of
from backfleet.sources.adjustment import ALREADY_ADJUSTED

YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n" + "".join(
    f"2024-01-{day:02},{day},{day + 1},{day - 1},{day},{day / 2},100\n" for day in range(2, 12)
)
MT5 = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n" + "".join(
    f"2024.01.02\t{hour:02}:00:00\t2\t3\t1\t2\t7\t0\t1\n" for hour in range(9, 15)
)
OWN = """
title = "Our recorder"
example = "when|o|h|l|c"
timezone = "America/Chicago"
[[layouts]]
needs = ["when", "o", "h", "l", "c"]
columns = { date = "when" }
stamp = "close"
"""


def test_preset_in_a_job_reads_raw_prices_and_the_factor(data: Path) -> None:
    (data / "ABC.csv").write_text(YAHOO)
    source = source_of(Data(preset="yahoo", path=str(data)))
    assert source.symbols() == ["ABC"]
    bars = source.parse("ABC", source.read("ABC"))
    assert (list(bars.raw.close)[:2], list(bars.factor)[:2]) == ([2.0, 3.0], [0.5, 0.5])
    assert (bars.symbol, len(bars), str(bars.session[0])) == ("ABC", 10, "2024-01-02")
    assert bars.adjustment == "adjusted by the vendor's adjusted close / close"


def test_prices_that_a_preset_knows_as_adjusted_are_not_taken_for_raw_ones(data: Path) -> None:
    """A market asks for this, because its lots and limits need raw prices."""
    (data / "ABC.csv").write_text(YAHOO)
    options = {"preset": "yahoo", "adjust": "already-adjusted"}
    source = source_of(Data(source="preset", path=str(data), options=options))
    assert source.parse("ABC", source.read("ABC")).adjustment == ALREADY_ADJUSTED


def test_content_of_a_preset_is_part_of_the_options(data: Path) -> None:
    (data / "mine.toml").write_text(OWN)
    options = source_of(Data(preset=str(data / "mine.toml"), path=str(data))).options
    plain = options.model_dump(mode="json")
    assert plain["preset"]["title"] == "Our recorder"
    again = Data(source="preset", path=str(data), options=plain)
    assert source_of(again).options == options


def test_preset_of_ones_own_reads_intraday_bars_in_its_zone(data: Path) -> None:
    (data / "mine.toml").write_text(OWN)
    folder = data / "bars"
    folder.mkdir()
    rows = "".join(f"2024-01-02 09:{minute}|2|3|1|2\n" for minute in range(31, 40))
    (folder / "ES.txt").write_text("when|o|h|l|c\n" + rows)
    preset = str(data / "mine.toml")
    source = source_of(Data(preset=preset, path=str(folder), timezone="America/Chicago"))
    bars = source.parse("ES", source.read("ES"))
    assert (bars.time[0], bars.stamp) == (1_704_209_460_000_000_000, "close")
    utc = source_of(Data(preset=preset, path=str(folder)))
    with pytest.raises(DataError, match=r'set data\.timezone = "America'):
        utc.parse("ES", utc.read("ES"))


def test_times_of_a_server_are_refused_without_a_zone(data: Path) -> None:
    (data / "EURUSD_H1.csv").write_text(MT5)
    source = source_of(Data(preset="mt5", path=str(data)))
    assert source.symbols() == ["EURUSD"]
    with pytest.raises(DataError, match=r"(?s)no offset.*'backfleet data import' reads all others"):
        source.parse("EURUSD", source.read("EURUSD"))


def test_unknown_preset_and_a_source_beside_a_preset_are_refused(data: Path) -> None:
    with pytest.raises(JobError, match=r"there is no preset 'yaho' .*; did you mean 'yahoo'"):
        source_of(Data(preset="yaho", path=str(data)))
    with pytest.raises(JobError, match="has both a source and a preset"):
        Data(preset="yahoo", source="csv", path=str(data))
