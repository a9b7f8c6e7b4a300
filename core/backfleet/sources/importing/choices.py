"""`ImportChoices`: what the user states about files, which no evidence overrules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backfleet.bar_length import Stamp
from backfleet.sources.importing.parts import TextSettings
from backfleet.sources.importing.preset import Preset

__all__ = ["ImportChoices"]


@dataclass(frozen=True)
class ImportChoices:
    """Options of an import; None is found in the files, or refused.

    Attributes
    ----------
    preset
        The name of a preset, the path of a TOML file, or the preset itself.
    symbol
        The symbol of files that do not name it.
    timezone
        The zone of times without an offset, and of sessions.
    date_format
        `day-first`, `month-first`, `year-first`, `roc`, `s`, `ms`, `us`, `ns`, or a format
        of `strptime`.
    columns
        The column of a role; an empty name leaves the role out.
    names
        The names of the columns of files without a header.
    adjust
        The rule of adjustment.
    volume_unit
        Shares in one unit of volume, such as 100.
    decimal
        `point` or `comma`.
    stamp
        Whether intraday times are the beginnings of bars, `open`, or their ends, `close`.
    bar
        The length of the bars to import, such as `1d`.
    skip_bad
        Whether symbols with bad rows are left out, and the others are imported.
    skip_rows
        Whether rows with bad prices or volumes are left out.
    text
        The encoding and the delimiter of texts.
    """

    preset: str | Preset | None = None
    symbol: str | None = None
    timezone: str | None = None
    date_format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    adjust: str | None = None
    volume_unit: float | None = None
    decimal: str | None = None
    stamp: Stamp | None = None
    bar: str | None = None
    skip_bad: bool = False
    skip_rows: bool = False
    text: TextSettings = field(default_factory=TextSettings)
