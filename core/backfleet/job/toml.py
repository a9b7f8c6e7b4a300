"""TOML: texts that somebody else wrote, and values as job files write them."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from backfleet.nesting import nested_levels

__all__ = ["parse_toml", "toml_value"]

MAX_DEPTH = 50
MAX_INTEGER_BITS = 1_024
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
    # It is a ValueError, too, and its own text says where the mistake is.
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:
        # Python converts integers of at most 4,300 digits, and has odd dates as plain errors.
        raise ValueError(f"it has a value that cannot be read ({error})") from None
    _check(content)
    return content


def _check(content: dict[str, Any]) -> None:
    for values in nested_levels(content, MAX_DEPTH):
        for value in values:
            if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
                raise ValueError("it has an integer of more than 300 digits")
