"""Naming the job file, and the line of the key, in errors about a job's keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from backfleet.errors import JobError
from backfleet.job.text_file import read_text_file

__all__ = ["errors_name_file"]

# Anchored and possessive, so that a line takes a time that is linear in its length.
KEY = r"""(?:[\w.-]++|"[^"\n]*+"|'[^'\n]*+')++"""
TABLE_LINE = re.compile(rf"[ \t]*+\[[ \t]*+({KEY})[ \t]*+\]")
KEY_LINE = re.compile(rf"[ \t]*+({KEY})[ \t]*+=")
PROBLEM_KEY = re.compile(r"([\w.\[\]-]++)(?:: | = )")


@contextmanager
def errors_name_file(file: Path, changed: Sequence[str] = ()) -> Iterator[None]:
    """Add the file, and the line if the key is in it, to a JobError about keys of a job.

    `changed` are the keys that the command line sets: those are no fault of the file.
    """
    try:
        yield
    except JobError as error:
        lines = _key_lines(_text_of(file))
        problems = [_located(problem, file, lines, changed) for problem in str(error).split("\n")]
        raise JobError("\n".join(problems)) from error.__cause__


def _located(problem: str, file: Path, lines: Mapping[str, int], changed: Sequence[str]) -> str:
    match = PROBLEM_KEY.match(problem)
    key = match[1] if match else ""
    # `brokr` is at fault for `--set brokr.cash=1`, unless the file has it, too.
    # `-p fast=5,x` sets `params.fast`, and `params.fast[1]` is at fault.
    whole = key.partition("[")[0]
    is_changed = any(
        f"{whole}.".startswith(f"{path}.") or (key not in lines and path.startswith(f"{key}."))
        for path in changed
    )
    if not key or is_changed:
        return problem
    while key and key not in lines:
        # `data.symbols[1]` is in the line of `data.symbols`, a missing `data.path` in `[data]`.
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return f"{file}, line {lines[key]}: {problem}" if key else problem


def _text_of(file: Path) -> str:
    # A pipe has been read to its end. What cannot be read has an error of its own.
    with suppress(OSError, UnicodeDecodeError):
        return read_text_file(file) if file.is_file() else ""
    return ""


def _key_lines(text: str) -> Mapping[str, int]:
    """Return the line in which each key or table of a TOML text is first written."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := TABLE_LINE.match(line):
            table = _plain(header[1])
            lines.setdefault(table, number)
        elif key := KEY_LINE.match(line):
            lines.setdefault(".".join(filter(None, (table, _plain(key[1])))), number)
    return lines


def _plain(key: str) -> str:
    return key.replace('"', "").replace("'", "")
