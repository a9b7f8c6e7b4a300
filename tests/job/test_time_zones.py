"""A job's time zones are those of the machine, in their own spelling."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from backfleet.job.rules import timezone

FILES = ("Area/City", "Area/Country/City", "City", "posix/City", "right/City", "Factory")
NAMES = (*FILES, "area/City", "Area/city", "Area", "Area/", "Area/Country", "Area/text", "/City")


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[None]:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"TZif2")
    (tmp_path / "Area/text").write_text("no time zone")
    zoneinfo.reset_tzpath([tmp_path])
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("zones")
@pytest.mark.parametrize("name", [*NAMES, "Area/../City", "Area/\0"])
def test_a_time_zone_is_one_that_python_lists(name: str) -> None:
    if name in zoneinfo.available_timezones() - {"Factory"}:
        assert timezone(name) == name
    else:
        with pytest.raises(ValueError, match="is not an IANA time zone"):
            timezone(name)
