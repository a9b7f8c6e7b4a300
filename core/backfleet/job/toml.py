"""TOML: texts that somebody else wrote, and values as job files write them."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from typing import Any

from backfleet.errors import cut_text
from backfleet.nesting import nested_levels

__all__ = ["parse_toml", "toml_value"]

MAX_DEPTH = 50
MAX_INTEGER_BITS = 1_024
MAX_LINE_CHARS = 60
PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\uff02\uff07"
"""Characters that editors and web pages write in place of plain quotes."""

# Parts of more than 100 characters are not looked for: a file has too few of them to matter.
_PART = r"""(?:[\w-]{1,100}+|"(?:[^"\\\n]|\\.){0,100}+"|'[^'\n]{0,100}+')"""
# Possessive, so that a search takes a time that is linear in the length of the text.
LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}")


def toml_value(value: object) -> str:
    """Return a text, a number or a list as a job file writes it."""
    # Deferred, because reading TOML does not need it.
    import tomlkit

    text: str = tomlkit.item(value).as_string()
    return text


def parse_toml(text: str) -> dict[str, Any]:
    """Return the content of a TOML text.

    Raises ValueError if it is not TOML, is nested too deeply, or has too large an integer.
    """
    # tomllib takes a time and a memory that are quadratic in the parts of a dotted key.
    if LONG_KEY.search(text):
        raise ValueError(f"it has a key of more than {MAX_DEPTH} parts")
    try:
        content = tomllib.loads(text)
    # It is a ValueError, too, so it comes before.
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{error}{_faulty_line(text, str(error))}") from None
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:
        # Python converts integers of at most 4,300 digits, and has odd dates as plain errors.
        raise ValueError(f"it has a value that cannot be read ({error})") from None
    _check(content)
    return content


def _faulty_line(text: str, message: str) -> str:
    """Return the line that a message of tomllib names, and a character that only looks right."""
    place = PLACE.search(message)
    if place is None:
        return ""
    line, column = text.splitlines()[int(place[1]) - 1], int(place[2]) - 1
    shown = f": {cut_text(line.strip(), MAX_LINE_CHARS)}"
    # An opening quote that is right and a closing one that is not fail at the end of the line.
    suspects = [char for char in line[column : column + 1] if not char.isascii()]
    suspects += [char for char in line if char in QUOTES]
    if not suspects:
        return shown
    return (
        f"{shown}. {suspects[0]!r} is the character {unicodedata.name(suspects[0], 'unnamed')}; "
        "outside quotes, TOML has only plain letters, digits, spaces and the quotes \" and '"
    )


def _check(content: dict[str, Any]) -> None:
    for values in nested_levels(content, MAX_DEPTH):
        for value in values:
            if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
                raise ValueError("it has an integer of more than 300 digits")
