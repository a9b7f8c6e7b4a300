"""`Form`: files of one kind, and the preset's layout whose signs they have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backfleet.errors import DataError
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.names import normalize
from backfleet.sources.importing.parts import Part
from backfleet.sources.importing.preset import FileLayout, Preset, all_presets, load_preset
from backfleet.sources.importing.shapes import Shape
from backfleet.sources.importing.symbols import path_match

__all__ = ["Form", "match_layout"]


@dataclass(frozen=True, eq=False)
class Form:
    """Files of one kind, which are read alike.

    Attributes
    ----------
    parts
        The tables.
    samples
        Rows of some of them, one symbol each if the shape says so.
    names
        Names of the columns of the samples; empty if the files do not name them.
    shape
        How columns belong to symbols, if they do.
    layout
        The preset's layout that fits; an empty one if none does.
    preset
        The preset's name.
    """

    parts: Sequence[Part]
    samples: Sequence[Frame]
    names: tuple[str, ...]
    shape: Shape | None
    layout: FileLayout
    preset: str | None

    @property
    def origin(self) -> str:
        """The first file, for messages."""
        return self.samples[0].origin

    def name(self, position: int) -> str:
        """Return the name of a column."""
        names = self.layout.names or self.names
        return names[position] if position < len(names) else f"column {position + 1}"


def match_layout(
    names: Sequence[str], part: Part, choices: ImportChoices, width: int
) -> tuple[str | None, FileLayout]:
    """Return the preset and the layout whose signs the file has; an empty layout if none has.

    Raises
    ------
    DataError
        The user named a preset, and the file has the signs of none of its layouts.
    """
    presets = _candidates(choices)
    first = part.first_line
    keys = {normalize(name) for name in names}
    fitting = [
        (_score(layout), name, layout)
        for name, preset in presets.items()
        for layout in preset.all_layouts()
        # A layout that is not sure has to be named by the user, unless the path or the first line
        # speaks for it.
        if (choices.preset or layout.sure or layout.path or layout.first)
        and _fits(layout, keys, part, first, width)
    ]
    if not fitting:
        if choices.preset:
            name, preset = next(iter(presets.items()))
            raise _no_layout(name, preset, part, names)
        return None, FileLayout()
    # The layout with the most signs. Of equal ones the first counts, and presets come in the order
    # of their names.
    best = max(score for score, _, _ in fitting)
    _, name, layout = next(entry for entry in fitting if entry[0] == best)
    return name, layout


def _score(layout: FileLayout) -> int:
    # A pattern for the first line is the only sign of a file without names, and must beat layouts
    # that need few columns.
    return len(layout.needs) + 2 * (layout.path is not None) + 6 * (layout.first is not None)


def _fits(layout: FileLayout, keys: set[str], part: Part, first: str | None, width: int) -> bool:
    if layout.path is not None and not path_match(part, layout):
        return False
    if layout.kind == "skip":
        return True
    if layout.names:
        headerless = first is not None and width == len(layout.names)
        return headerless and bool(re.search(layout.first or "", first or ""))
    return first is None and set(layout.needs) <= keys and not set(layout.lacks) & keys


def _candidates(choices: ImportChoices) -> Mapping[str, Preset]:
    if isinstance(choices.preset, Preset):
        return {choices.preset.title: choices.preset}
    return {choices.preset: load_preset(choices.preset)} if choices.preset else all_presets()


def _no_layout(name: str, preset: Preset, part: Part, names: Sequence[str]) -> DataError:
    shown = ", ".join(name or "(unnamed)" for name in names) or repr(part.first_line)
    needed = " or ".join(
        ", ".join(layout.needs or layout.names) or "any" for layout in preset.layouts
    )
    return DataError(
        f"{part.file}: this is not a file of the preset {name!r}: it has {shown}; the preset "
        f"needs {needed}. Leave out --from, or name another preset"
    )
