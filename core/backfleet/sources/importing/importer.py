"""`Import`: the forms of files are recognized, their rows collected, and their bars yielded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backfleet.bar_length import Stamp
from backfleet.errors import DataError
from backfleet.sources.importing.assemble import Assembled, assemble
from backfleet.sources.importing.choices import ImportChoices
from backfleet.sources.importing.clock import Placed, bar_length, stamped_by_close
from backfleet.sources.importing.containers import find_files, open_parts, plain_name
from backfleet.sources.importing.copies import Copies
from backfleet.sources.importing.form import Form, match_layout
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.notes import Notes
from backfleet.sources.importing.part_rows import named_frame, read_part, symbol_frames
from backfleet.sources.importing.parts import Part
from backfleet.sources.importing.periods import join_periods
from backfleet.sources.importing.pieces import Pieces
from backfleet.sources.importing.preset import FileLayout
from backfleet.sources.importing.qlib import is_qlib, qlib_parts
from backfleet.sources.importing.recognition import FormReading, recognize
from backfleet.sources.importing.rows import Rows, read_rows, split_rows
from backfleet.sources.importing.shapes import Shape, shape_of
from backfleet.sources.importing.supplements import SupplementTables
from backfleet.sources.importing.symbols import check_names, symbol_of

__all__ = ["Import", "Imported", "Refused"]

MAX_SAMPLED = 20
"""Files of a form from which its reading is decided; the others are held to it."""


@dataclass(frozen=True)
class Refused:
    """A symbol that was left out, and why."""

    symbol: str
    reason: str


@dataclass(frozen=True, eq=False)
class Imported:
    """A symbol's bars.

    Attributes
    ----------
    name
        The vendor's name of the symbol.
    symbol
        The name under which it is stored.
    adjustment
        The rule of adjustment.
    stamp
        Whether bars are stamped by their open or close.
    """

    name: str
    symbol: str
    assembled: Assembled
    adjustment: str
    stamp: Stamp


@dataclass(eq=False)
class _Group:
    """Files of one form, before it is recognized."""

    names: tuple[str, ...]
    layout: FileLayout
    preset: str | None
    parts: list[Part] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    shape: Shape | None = None


class Import:
    """An import of a file or a folder.

    Parameters
    ----------
    root
        The file or the folder.
    choices
        What the user states.
    consent
        Called with new assumptions; the import goes on if it returns True.
    """

    def __init__(
        self, root: Path, choices: ImportChoices, consent: Callable[[Sequence[str]], bool]
    ) -> None:
        self.notes = Notes()
        self.presets: list[str] = []
        self._root = root
        self._choices = choices
        self._consent = consent
        self._asked = 0
        self._left_out: dict[str, None] = {}

    def run(self) -> Iterator[Imported | Refused]:
        """Yield each symbol.

        Raises
        ------
        DataError
            The files cannot be understood, or a symbol is bad and bad ones are not skipped.
        """
        groups = self._groups()
        # All forms are recognized before any symbol is read, so that the user is asked once about
        # the assumptions of all of them.
        forms = [(form, recognize(form, self._choices, self.notes)) for form in map(_form, groups)]
        # Tables of factors alone are no bars.
        if not any(reading.layout.kind == "bars" for _, reading in forms):
            raise DataError(f"{self._root}: none of its files has open, high, low and close")
        self._ask()
        self.presets = list(dict.fromkeys(form.preset for form, _ in forms if form.preset))
        # Before the bars: their factors can lie in any file of the tree.
        supplements = SupplementTables(forms)
        bars = [(form, reading) for form, reading in forms if reading.layout.kind == "bars"]
        with Pieces() as pieces:
            yield from self._symbols(bars, supplements, pieces)
        self._ask()

    def _ask(self) -> None:
        """Raise DataError unless the user consents to the assumptions since the last call."""
        new = self.notes.assumptions[self._asked :]
        self._asked += len(new)
        if new and not self._consent(new):
            lines = "\n".join(f"  assumed: {sentence}" for sentence in new)
            raise DataError(
                f"{self._root}: one reading fits best, but it is not certain:\n{lines}\nAccept "
                "it with --yes, or state the option if one is named above"
            )

    def _groups(self) -> list[_Group]:
        """Return the files by their form."""
        groups: dict[object, _Group] = {}
        folder = self._root if self._root.is_dir() else self._root.parent
        for part in _parts(self._root, folder, self._choices):
            frame = part.sample()
            header, names, frame = named_frame(part, frame, self._choices.names)
            shape = shape_of(header, frame)
            if shape:
                names = next(iter(shape.blocks.values()))[1]
            preset, layout = match_layout(names, part, self._choices, len(frame.columns))
            # A file that the vendor adds, such as a report of gaps.
            if layout.kind == "skip":
                continue
            # Everything that must be equal for files to be read alike. Values are no part of it: a
            # sample of them decides for the whole form.
            key = (names, len(frame.columns), preset, layout.path, layout.needs, shape is None)
            group = groups.setdefault(key, _Group(names, layout, preset))
            group.parts.append(part)
            if len(group.frames) < MAX_SAMPLED:
                group.frames += shape.unfold(frame) if shape else [frame]
                # Only the shape of the first table: each file gives its own one again when it is
                # read.
                group.shape = group.shape or shape
        return list(groups.values())

    def _symbols(
        self,
        forms: Sequence[tuple[Form, FormReading]],
        supplements: SupplementTables,
        pieces: Pieces,
    ) -> Iterator[Imported | Refused]:
        by_path: dict[str, list[tuple[Part, FormReading]]] = {}
        for number, (form, reading) in enumerate(forms):
            # The symbol is in the table itself; otherwise the path names it.
            if "symbol" in reading.columns or form.shape or form.samples[0].symbol:
                self._split(number, form, reading, pieces)
            else:
                for name, parts in self._named(form).items():
                    by_path.setdefault(name, []).extend((part, reading) for part in parts)
        # All names before the first is written, since two of them can be stored under one.
        stored = check_names(dict.fromkeys([*pieces.symbols(), *by_path]), self.notes)
        lengths: list[str] = []
        copies = Copies(self.notes)
        for name, symbol in stored.items():
            try:
                # `pop` releases the rows of a symbol as soon as its bars are made.
                files = [(forms[number][1], rows) for number, rows in pieces.pop(name)]
                files += [
                    (reading, read_part(part, reading)) for part, reading in by_path.get(name, [])
                ]
                imported = self._one(name, symbol, files, supplements)
            except DataError as error:
                if not self._choices.skip_bad:
                    raise
                yield Refused(name, str(error))
                continue
            if imported is not None:
                lengths.append(imported.assembled.length)
                # Only files are downloaded twice: a table has a column that names its symbols.
                if name in by_path:
                    copies.compare(symbol, imported.assembled.bars)
                yield imported
        if not lengths and self._left_out:
            raise DataError(
                f"{self._root}: no symbol has bars of {self._choices.bar}, as --bar says; there "
                f"are bars of {', '.join(self._left_out)}"
            )
        if len(set(lengths)) > 1:
            counts = ", ".join(f"{lengths.count(n)} of {n}" for n in sorted(set(lengths)))
            self.notes.tell(f"the symbols have bars of different lengths: {counts}")

    def _one(
        self,
        name: str,
        symbol: str,
        files: Sequence[tuple[FormReading, Rows]],
        supplements: SupplementTables,
    ) -> Imported | None:
        """Return the bars of a symbol; None if it has none of the length that the user chose."""
        groups = _by_length(files)
        bar = self._choices.bar
        if bar is None and len(groups) > 1:
            raise DataError(
                f"{self._root}: {name} has bars of {' and of '.join(groups)}. Choose with "
                f"{' or '.join(f'--bar {length}' for length in groups)}"
            )
        chosen = groups.get(bar) if bar else next(iter(groups.values()))
        if chosen is None:
            self._left_out |= dict.fromkeys(groups)
            return None
        # The first reading stands for all, which have been found equal in what bars depend on.
        reading = chosen[0][0]
        if len({(other.adjust, other.zone, other.layout.daily) for other, _ in chosen}) > 1:
            raise DataError(
                f"{self._root}: {name} is in files that are read in different ways. Import them "
                "into folders of their own"
            )
        rows = [piece for _, piece in chosen]
        assembled = assemble(symbol, rows, reading, supplements.of(name), self.notes)
        stamp = reading.stamp or self._stamp(assembled)
        rule = "factor" if supplements.of(name).factors is not None else reading.adjust
        return Imported(name, symbol, assembled, rule, stamp)

    def _stamp(self, assembled: Assembled) -> Stamp:
        """Return whether the times of intraday bars are their beginnings or their ends."""
        if assembled.daily:
            return "open"
        if stamped_by_close(assembled.bars):
            self.notes.assume(
                "times are the ends of the bars, as the first and the last one of a session are "
                "those of bars that end then; state it with --stamp close or --stamp open"
            )
            return "close"
        self.notes.tell("times are taken for the beginnings of the bars; --stamp close says ends")
        return "open"

    def _split(self, number: int, form: Form, reading: FormReading, pieces: Pieces) -> None:
        """Read files with many symbols in one pass."""
        for file, part in enumerate(form.parts):
            for frame, symbols in symbol_frames(part, reading):
                rows = read_rows(frame, reading, None)
                alone = [(frame.symbol or "", rows)]
                for name, of_symbol in alone if symbols is None else split_rows(rows, symbols):
                    if not name:
                        raise DataError(
                            f"{part.file}: row {of_symbol.row[0]}: the symbol is missing"
                        )
                    pieces.add(_with_zeros(name, part), (number, file), of_symbol)

    def _named(self, form: Form) -> dict[str, list[Part]]:
        """Return the files of a form by the symbol that their paths name."""
        named: dict[str, list[Part]] = {}
        for part in form.parts:
            name = self._choices.symbol or symbol_of(part, form.layout)
            if name is None:
                raise DataError(
                    f"{part.file}: neither a column nor the file's name tells the symbol. State it "
                    "with --symbol NAME"
                )
            named.setdefault(name, []).append(part)
        if self._choices.symbol is None:
            return join_periods(named, form)
        return named


def _with_zeros(name: str, part: Part) -> str:
    """Return a symbol with the zeros in front that a spreadsheet has dropped."""
    if name.isdigit() and len(name) < 6:
        # Only if the file's name has the same code with six digits: other markets have short codes
        # of their own.
        digits = re.search(r"(?<!\d)\d{6}(?!\d)", plain_name(part.path))
        if digits and digits[0] == name.zfill(6):
            return digits[0]
    return name


def _by_length(
    files: Sequence[tuple[FormReading, Rows]],
) -> dict[str, list[tuple[FormReading, Rows]]]:
    """Return the files of a symbol by the length of their bars.

    A file of one row can have any length.
    """
    groups: dict[str, list[tuple[FormReading, Rows]]] = {}
    for entry in files:
        # By the times as written: the most frequent distance is the same in every zone.
        length = bar_length(Placed(entry[1].wall, False, ""))
        groups.setdefault(length, []).append(entry)
    if len(groups) > 1 and "unknown" in groups:
        # It joins the group with the most files.
        short = groups.pop("unknown")
        max(groups.values(), key=len).extend(short)
    return groups


def _parts(root: Path, folder: Path, choices: ImportChoices) -> Iterator[Part]:
    if is_qlib(root):
        yield from qlib_parts(root)
        return
    for file in find_files(root):
        yield from open_parts(file, file.relative_to(folder).as_posix(), choices.text)


def _form(group: _Group) -> Form:
    return Form(group.parts, group.frames, group.names, group.shape, group.layout, group.preset)
