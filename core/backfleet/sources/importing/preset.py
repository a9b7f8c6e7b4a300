"""`Preset`: a vendor's layouts as data, in TOML files, and the catalog of the shipped ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from backfleet.errors import DataError, JobError
from backfleet.job.job_errors import suggestion
from backfleet.job.section import Section
from backfleet.job.text_file import read_text_file
from backfleet.job.toml import parse_toml
from backfleet.sources.importing.names import ROLES

__all__ = [
    "FileLayout",
    "Preset",
    "Rule",
    "all_presets",
    "load_preset",
    "parse_preset",
    "preset_names",
]

FOLDER = Path(__file__).parents[1] / "presets"

Rule = Literal[
    "adjusted-close", "factor", "divided", "preclose", "events", "already-adjusted", "none"
]


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return text


def _roles(columns: dict[str, str]) -> dict[str, str]:
    for role in columns:
        if role not in ROLES:
            raise ValueError(f"unknown role {role!r}{suggestion(role, ROLES)}")
    return columns


def _zone(name: str) -> str:
    try:
        # `required` stands for a zone that only the user knows, such as that of a broker's server.
        if name != "required":
            ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("is not an IANA time zone") from None
    return name


def _some(layouts: tuple[FileLayout, ...]) -> tuple[FileLayout, ...]:
    if not layouts:
        raise ValueError("must have at least one [[layouts]]")
    return layouts


Pattern = Annotated[str, AfterValidator(_pattern)]


Zone = Annotated[str, AfterValidator(_zone)]
Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FileLayout(Section):
    """One kind of file of a vendor.

    Attributes
    ----------
    needs
        Names of columns that such a file has; lower case, words joined by `_`.
    lacks
        Names of columns that it does not have.
    path
        A regular expression that the end of the file's path matches; its groups `symbol` and `day`
        are used.
    first
        A regular expression that the first line of a file without a header matches.
    names
        The names of the columns of such a file.
    sure
        Whether these signs belong to no other vendor. If not, the preset has to be named or
        confirmed.
    kind
        `bars`, a table joined to them (`factors`, `suspensions`, `lean-factors`), or `skip`.
    columns
        The column of a role, where its name alone does not say so; `a|b` is the first of them that
        has values other than 0, `a*` the first whose name begins so, and an empty name is none.
    timezone
        The zone of times without an offset and of sessions; `required` if the user must name it.
    date_format
        `day-first`, `month-first`, `year-first`, `roc` (years of Taiwan), `s`, `ms`, `us`, `ns`,
        `day-ms` or a format of `strptime`.
    stamp
        Whether an intraday bar is stamped by its open or its close.
    daily
        Whether every file holds daily bars, whatever the time of day.
    naive_epoch
        Whether epochs are local times, not UTC.
    price_scale, volume_scale
        Factors of the numbers in the file.
    price_unit_above
        Prices up to this one are in whole units, whatever `price_scale` says.
    volume_unit
        The unit in words, if it is not one share or coin.
    adjust
        The rule of adjustment.
    adjust_column, adjust_values
        A column whose value decides the rule.
    symbol
        A regular expression with the group `symbol`, for the name of the file without its suffix.
    flat_is_closed
        Whether flat bars with no volume are closed hours, to be counted.
    notes
        Sentences that an import prints.
    """

    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    path: Pattern | None = None
    first: Pattern | None = None
    names: tuple[str, ...] = ()
    sure: bool = True
    kind: Literal["bars", "factors", "suspensions", "lean-factors", "skip"] = "bars"
    columns: Annotated[dict[str, str], AfterValidator(_roles)] = Field(default_factory=dict)
    timezone: Zone | None = None
    date_format: str | None = None
    stamp: Literal["open", "close"] | None = None
    daily: bool = False
    naive_epoch: bool = False
    price_scale: Scale = 1.0
    price_unit_above: float = 0.0
    volume_scale: Scale | None = None
    volume_unit: str | None = None
    adjust: Rule | None = None
    adjust_column: str | None = None
    adjust_values: dict[str, Rule] = Field(default_factory=dict)
    symbol: Pattern | None = None
    flat_is_closed: bool = False
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.adjust_column is not None and self.adjust_column not in self.needs:
            raise ValueError(f"adjust_column: {self.adjust_column!r} is not one of needs")
        return self


class Preset(Section):
    """The layouts of one vendor or tool.

    Attributes
    ----------
    title
        The vendor, and the product or function that writes the files.
    example
        The first lines of a file.
    layouts
        The first one that fits a file is used.
    """

    title: str
    example: str = ""
    timezone: Zone | None = None
    notes: tuple[str, ...] = ()
    layouts: Annotated[tuple[FileLayout, ...], AfterValidator(_some)]

    def all_layouts(self) -> tuple[FileLayout, ...]:
        """Return the layouts with the values that stand for all of them."""
        return tuple(
            layout.model_copy(
                update={
                    "timezone": layout.timezone or self.timezone,
                    "notes": (*self.notes, *layout.notes),
                }
            )
            for layout in self.layouts
        )


def preset_names() -> list[str]:
    """Return the names of the presets that are shipped, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def all_presets() -> Mapping[str, Preset]:
    """Return the presets that are shipped, by name."""
    return {name: load_preset(name) for name in preset_names()}


def load_preset(name: str) -> Preset:
    """Return a preset by its name, or by the path of a TOML file.

    Raises
    ------
    DataError
        There is no such preset, or the file is none.
    """
    is_file = name.endswith(".toml")
    path = Path(name) if is_file else FOLDER / f"{name}.toml"
    if not is_file and name not in preset_names():
        raise DataError(
            f"there is no preset {name!r} in 'backfleet data presets', and it is no .toml file"
            f"{suggestion(name, preset_names())}"
        )
    try:
        content = parse_toml(read_text_file(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{path}: this is not TOML: {error}") from None
    return parse_preset(str(path), content)


def parse_preset(origin: str, content: Mapping[str, Any]) -> Preset:
    """Check the content of a preset. Raises DataError."""
    try:
        return Preset(**content)
    except JobError as error:
        # One line per wrong key, each with the file.
        lines = str(error).splitlines()
        raise DataError("\n".join(f"{origin}: {line}" for line in lines)) from None
