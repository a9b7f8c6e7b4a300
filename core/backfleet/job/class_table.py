"""Tables of a job that name a class; their other keys are its arguments."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from backfleet.class_call import CLASS
from backfleet.job.job_errors import show, suggestion

__all__ = ["Analyzers", "ClassTable", "Signals"]

ANALYZER_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
SIGNAL_KINDS = (
    "longshort",
    *(f"{side}{form}" for side in ("long", "short", "longexit", "shortexit")
      for form in ("", "_inv", "_any")),
)  # fmt: skip
"""The kinds of backtrader's signals, without `SIGNAL_` and in lower case."""
RECORDER = "backfleet"
"""The name of backfleet's own analyzer."""


def class_table(table: dict[str, Any]) -> dict[str, Any]:
    """A table with a `class` and arguments that are numbers, texts and bools."""
    if CLASS not in table:
        raise ValueError('must have a class, such as class = "NAME"')
    _check_reference(table[CLASS])
    for name, value in table.items():
        if not name.isidentifier():
            raise ValueError(f"{name!r} cannot be the name of an argument")
        # Arguments are part of the run's identity, whose JSON has neither NaN nor larger integers.
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} = {show(value)} must be a finite number")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"{name} = {show(value)} must fit into 64 bits")
        # A bool is an int to Python and passes.
        if not isinstance(value, (str, int, float)):
            raise ValueError(f"{name} = {show(value)} must be a number, text in quotes or a bool")
    return table


def _check_reference(reference: object) -> None:
    forms = "must be a class of backtrader's, pkg.module:Class or file.py:Class"
    if not isinstance(reference, str):
        raise ValueError(f"class = {show(reference)} {forms}")
    place, colon, name = reference.rpartition(":")
    # Both `Name` and `place:Name` are possible; `:Name` is not, and neither is a dotted name
    # without a module.
    if not name.isidentifier() or bool(colon) != bool(place):
        raise ValueError(f"class = {show(reference)} {forms}")
    if "/" in place or "\\" in place:
        raise ValueError(
            f"class = {show(reference)} must name a file in the strategy's folder, without a folder"
        )
    if not all(part.isidentifier() for part in place.removesuffix(".py").split(".") if place):
        raise ValueError(f"class = {show(reference)} {forms}")


def class_or_table(value: object) -> object:
    """A class without arguments may stand by itself: `"SQN"`."""
    return {CLASS: value} if isinstance(value, str) else value


def analyzer_name(name: str) -> str:
    """The name of an analyzer, which begins the names of its columns."""
    # Lowercase only, since column names are compared without case.
    if not ANALYZER_NAME.fullmatch(name):
        raise ValueError(
            "the analyzer's name must have 1 to 32 lowercase letters, digits or '_', and begin "
            "with a letter"
        )
    # Under this name, the engine adds the analyzer that records orders and equity.
    if name == RECORDER:
        raise ValueError("cannot be the name of an analyzer, since backfleet's own has it")
    return name


def signal_kind(kind: str) -> str:
    """A kind of signal, as backtrader calls it."""
    if kind not in SIGNAL_KINDS:
        raise ValueError(f"is no kind of signal{suggestion(kind, SIGNAL_KINDS)}")
    return kind


def one_or_more(value: object) -> object:
    """One class stands for a list of one."""
    return (value,) if isinstance(value, (str, dict)) else value


ClassTable = Annotated[dict[str, Any], AfterValidator(class_table)]
ClassOrTable = Annotated[ClassTable, BeforeValidator(class_or_table)]
Analyzers = dict[Annotated[str, AfterValidator(analyzer_name)], ClassOrTable]
Signals = dict[
    Annotated[str, AfterValidator(signal_kind)],
    Annotated[tuple[ClassOrTable, ...], BeforeValidator(one_or_more)],
]
