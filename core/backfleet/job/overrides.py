"""`Overrides`: what the command line changes in a job file, before the job is validated."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from backfleet.errors import JobError
from backfleet.job.job_errors import show
from backfleet.job.toml import parse_toml

__all__ = ["Overrides"]


@dataclass(frozen=True)
class Overrides:
    """Changes to a job file: each key once per option.

    Attributes
    ----------
    params
        `-p`: `name=15`, `name=5,10,15` for some values, `name=5:60:5` for start:stop:step with stop
        inclusive, `name=true`, `name=text`; also any TOML value: `name="5"`,
        `name={low=1, high=100, log=true, count=3}`.
    symbols
        `--symbols`: `6005*`, or `A,B`.
    sets
        `--set`: `broker.cash=50000`, the value in TOML, or else text as it stands.
    """

    params: Sequence[str] = ()
    symbols: str | None = None
    sets: Sequence[str] = ()

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the job that these changes set, such as `params.period`."""
        params = [f"params.{name}" for name in _keys(self.params)]
        return [*_keys(self.sets), *params, *(["data.symbols"] if self.symbols is not None else [])]

    def apply(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a job file with these changes; `raw` is left alone.

        Raises JobError for what is not of the form above. Whether there are such keys, and whether
        they take such values, is for the validation to say.
        """
        changed = copy.deepcopy(dict(raw))
        _refuse_repeated(self.sets, "--set", "give it once")
        _refuse_repeated(self.params, "-p", "for several values, write them as 5,10,15")
        # The order decides what holds if two options set one key: -p and --symbols override --set.
        for text in self.sets:
            key, value = _split(text, "--set", "broker.cash=50000")
            _put(changed, key.split("."), _toml_or_text(value), f"--set {text}")
        for text in self.params:
            name, value = _split(text, "-p", "period=15")
            _put(changed, ["params", name], _spec(value, f"-p {text}"), f"-p {text}")
        if self.symbols is not None:
            names = _items(self.symbols, f"--symbols {self.symbols}")
            _put(changed, ["data", "symbols"], names, f"--symbols {self.symbols}")
        return changed


def _split(text: str, option: str, example: str) -> tuple[str, str]:
    # Only the first "=" separates: `grid={low=1, high=3, count=2}` has more of them.
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not all(part.strip() for part in key.split(".")):
        raise JobError(f"{option} {text}: must be a key and a value, such as {option} {example}")
    return key, value


def _keys(texts: Sequence[str]) -> list[str]:
    return [text.partition("=")[0].strip() for text in texts]


def _refuse_repeated(texts: Sequence[str], option: str, remedy: str) -> None:
    """Raise JobError for a key that is set twice: only one of the values could hold."""
    keys = _keys(texts)
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise JobError(f"{option} {texts[place]}: {key!r} is set twice; {remedy}")


def _put(raw: dict[str, Any], path: Sequence[str], value: object, option: str) -> None:
    table: Any = raw
    for depth, key in enumerate(path[:-1], 1):
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise JobError(f"{option}: {'.'.join(path[:depth])} = {show(table)} is not a table")
    table[path[-1]] = value


def _spec(text: str, option: str) -> object:
    """A parameter's spec as the command line writes it."""
    if not text:
        raise JobError(f"{option}: has no value")
    # A range only if all parts are numbers: a text may contain colons, too.
    parts = [_number(part) for part in text.split(":")]
    if len(parts) > 1 and None not in parts:
        if len(parts) != 3:
            raise JobError(f"{option}: a range is start:stop:step, text goes in quotes")
        return dict(zip(("start", "stop", "step"), parts, strict=True))
    value = _toml_or_text(text)
    # No parameter takes a date, but a text may look like one. A datetime is a date to Python.
    if isinstance(value, (date, time)):
        return text
    # Text in quotes differs from its TOML, so its comma is part of the value.
    if isinstance(value, str) and "," in text and value == text:
        return [_toml_or_text(item) for item in _items(text, option)]
    return value


def _number(text: str) -> int | float | None:
    value = _toml_or_text(text.strip())
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _items(text: str, option: str) -> list[str]:
    items = [item.strip() for item in text.split(",")]
    if "" in items:
        raise JobError(f"{option}: has an empty value between its commas")
    return items


def _toml_or_text(text: str) -> Any:
    """Return the TOML value that a text spells, or the text itself."""
    try:
        parsed = parse_toml(f"value = {text}")
    except ValueError:
        return text
    # A text of several lines could hold further keys.
    return parsed["value"] if len(parsed) == 1 else text
