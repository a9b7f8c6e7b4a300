"""`Section`: a table of the job file as a pydantic model that raises JobError."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from backfleet.errors import JobError
from backfleet.job.job_errors import combined_error, invalid_value, plain_reason, suggestion

__all__ = ["CLASS_TAG", "NUMBER_TAG", "TABLE_TAG", "Section"]

NUMBER_TAG, TABLE_TAG, CLASS_TAG = "[number]", "[table]", "[class]"
"""Tags of the forms of a value that is a number, a table or a class. pydantic puts them into the
paths of problems, as it does its own mark of a table's key."""
UNNAMED = ("[key]", NUMBER_TAG, TABLE_TAG, CLASS_TAG)


class Section(BaseModel):
    """Base of the job's tables: frozen, and closed to unknown keys.

    Making one raises JobError with a line for each problem: the key's path, the value, what is
    wrong, and for an unknown key the nearest right one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            # `from None`, because pydantic's own text would repeat every problem in other words.
            raise combined_error(_explain(type(self), problem) for problem in problems) from None

    # Without this mark, pydantic validates a nested section by calling its __init__, and the
    # problems found there would lose the first part of their path.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


def _explain(section: type[Section], problem: Any) -> JobError:
    key, kind = _dotted(problem["loc"]), problem["type"]
    if kind == "extra_forbidden":
        name = str(problem["loc"][-1])
        # The key itself is no field, so the section is the one that its path leads to.
        known = _section_at(section, problem["loc"][:-1]).model_fields
        tables = " or ".join(_tables_with(section, name))
        hint = f"; it belongs in {tables}" if tables else suggestion(name, known)
        return JobError(f"{key}: unknown key{hint}")
    if kind == "missing":
        return JobError(f"{key}: is required")
    reason = plain_reason(problem)
    if kind == "value_error" and isinstance(problem["input"], dict) and problem["input"]:
        # Of keys that do not fit together, the reason names those that matter.
        return JobError(f"{key}: {reason}" if key else reason)
    return invalid_value(key, problem["input"], reason)


def _dotted(location: Sequence[int | str]) -> str:
    """`("data", "symbols", 1)` as `data.symbols[1]`, without what is no key of the job."""
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in location
        if part not in UNNAMED
    ]
    return "".join(parts).removeprefix(".")


def _section_at(section: type[Section], location: Sequence[int | str]) -> type[Section]:
    for key in location:
        field = section.model_fields.get(str(key))
        # A table of tables, `dict[str, Section]`, has names below it that are no fields.
        for kind in _kinds(field.annotation) if field else ():
            if isinstance(kind, type) and issubclass(kind, Section):
                section = kind
    return section


def _tables_with(section: type[Section], name: str) -> list[str]:
    """Return the tables of a section that have a key of this name, which the section lacks."""
    if name in section.model_fields:
        return []
    return [
        f"[{table}]"
        for table in section.model_fields
        if name in _section_at(section, [table]).model_fields
    ]


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that an annotation names, at any depth."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)
