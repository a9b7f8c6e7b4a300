"""Options and output that commands share, those of plugins included."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import click

__all__ = [
    "GAP",
    "as_json",
    "column_lines",
    "column_width",
    "count_of",
    "echo_json",
    "first_names",
    "print_columns",
    "split_names",
]

GAP = "  "

NUMBER = re.compile(r"[-+]?\d(?!.* )(?![0-9a-f]*[a-f][0-9a-f]*$)")
"""Beginning of a number or a date. Text with a space is none, such as 2019-01-02 to 2020-01-01, and
neither is a hash, such as the id of a run."""

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON on standard output."
)


def echo_json(value: object) -> None:
    """Print an object on one line, a list with an element on each."""
    if isinstance(value, list) and value:
        click.echo("[" + ",\n ".join(map(json.dumps, value)) + "]")
    else:
        click.echo(json.dumps(value))


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 task" or "1,000 tasks"; the noun is singular."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def first_names(names: Sequence[str], max_names: int) -> str:
    """Return the first names, and the number of the others: "A, B and 7 more"."""
    rest = len(names) - max_names
    return ", ".join(names[:max_names]) + (f" and {rest:,} more" if rest > 0 else "")


def split_names(text: str | None, option: str = "--symbols") -> Sequence[str] | None:
    """Return the names between the commas of an option; None if it is not given.

    Raises UsageError for an empty name.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if "" in names:
        raise click.UsageError(f"{option} has an empty name between its commas")
    return names


def print_columns(names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print columns of text under their names, aligned; numbers to the right."""
    click.echo("\n".join(column_lines(names, cells)))


def column_lines(names: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    columns = [[name, *column] for name, column in zip(names, cells, strict=True)]
    # Width in terminal cells and not in characters: Chinese symbols and names take two cells each.
    widths = list(map(column_width, columns))
    # Many symbols are digits, such as 600519, but they are names and stand on the left.
    right = [column[0] != "symbol" and _numeric(column[1:]) for column in columns]
    for number, row in enumerate(zip(*columns, strict=True)):
        padded = map(_pad, row, widths, right)
        # Trailing blanks would make lines wrap in narrow terminals.
        yield GAP.join(padded).rstrip()
        if not number:
            yield GAP.join("-" * width for width in widths)


def column_width(cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, cells))


def _pad(cell: str, width: int, right: bool) -> str:
    from rich.cells import cell_len

    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def _numeric(column: Sequence[str]) -> bool:
    return all(cell == "-" or NUMBER.match(cell) for cell in column)
