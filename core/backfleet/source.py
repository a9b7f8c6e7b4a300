"""The interface of sources: a source lists symbols, reads their input as bytes, and parses it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from backfleet.bars import Bars
from backfleet.errors import JobError
from backfleet.job.job_errors import invalid_value, plain_reason, suggestion

__all__ = ["Source", "SourceOptions", "SourceSettings"]


class SourceOptions(BaseModel):
    """Base of a source's own options, the job's `[data.options]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class SourceSettings:
    """The settings of `[data]` for a source, without the window.

    Attributes
    ----------
    path
        A directory or `s3://bucket/prefix`.
    timezone
        IANA name of the zone that the source's times are in.
    columns
        Additional columns to read into `Bars.extra`.
    options
        The job's `[data.options]`, not yet checked.
    """

    path: str
    timezone: str
    columns: tuple[str, ...]
    options: Mapping[str, object]


class Source(ABC):
    """Reads the bars of one symbol at a time.

    `parse` must depend on nothing but its arguments and the settings: its result is cached under
    the input's digest, the hash of the source's code, the options, the time zone and the columns.

    Creating a source raises JobError if its options are invalid.
    """

    name: ClassVar[str]
    Options: ClassVar[type[SourceOptions]] = SourceOptions

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings
        self.options = _checked(self.Options, settings.options)
        # Compiling a parser pays off only for many inputs, so one is the cautious assumption.
        self.expected = 1

    def expect(self, inputs: int) -> None:
        """Set how many inputs this process will parse, so that the source can prepare itself."""
        self.expected = max(inputs, 1)

    @abstractmethod
    def symbols(self) -> Sequence[str]:
        """Return all symbols, sorted. Raises DataError if the location cannot be listed."""

    @abstractmethod
    def fingerprint(self, symbol: str) -> str | None:
        """Return a text that is cheap to get and changes whenever the symbol's input may have
        changed; None if there is none. Raises DataError if the symbol has no input."""

    @abstractmethod
    def read(self, symbol: str) -> bytes:
        """Return the symbol's input. Raises DataError if there is none."""

    @abstractmethod
    def parse(self, symbol: str, content: bytes) -> Bars:
        """Return all bars in `content`, unadjusted: `prices` is `raw`, and `factor` has the factor.

        Raises DataError with the file, the row and the reason.
        """

    @abstractmethod
    def describe(self, symbol: str) -> str:
        """Return the location of the symbol's input, for messages: a file name or a URL."""


def _checked(kind: type[SourceOptions], values: Mapping[str, object]) -> SourceOptions:
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        problems = [_explain(kind, fault) for fault in error.errors(include_url=False)]
        # All problems at once, and without pydantic's own error, which names classes and not keys.
        raise JobError("\n".join(problems)) from None


def _explain(kind: type[SourceOptions], problem: Any) -> str:
    key = ".".join(("data.options", *map(str, problem["loc"])))
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key{suggestion(str(problem['loc'][-1]), kind.model_fields)}"
    return str(invalid_value(key, problem["input"], plain_reason(problem)))
