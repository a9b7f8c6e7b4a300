"""The one error tree. Every error that backfleet raises for a user derives from `BackfleetError`.

Two exit codes belong to each class: `exit_code` is what the command line ends with, and
`worker_exit_code` what a worker ends with, which tells an executor whether trying again can help.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

__all__ = [
    "AccessDenied",
    "BackfleetError",
    "CorruptObject",
    "DataChanged",
    "DataError",
    "DayNotCovered",
    "ExecutorError",
    "FolderWarning",
    "JobError",
    "MachineCodeError",
    "MarketError",
    "NoSuchStore",
    "NoVerdict",
    "NondeterministicResult",
    "ObjectMissing",
    "PlatformMismatch",
    "PluginError",
    "RunNotFound",
    "StoreError",
    "StoreFull",
    "TaskCrashed",
    "TaskError",
    "TaskKilled",
    "TaskOutOfMemory",
    "TaskTimeout",
    "UndeclaredFileChanged",
    "UndeclaredModule",
    "UnknownPlugin",
    "Untrusted",
    "UntrustedCode",
    "UntrustedSettings",
    "UserError",
    "cut_text",
    "error_line",
    "install_command",
    "printable_line",
]

# The numbers of sysexits.h: EX_USAGE, EX_DATAERR and EX_TEMPFAIL. Only after the last does it make
# sense to start the worker again.
BAD_CONFIG = 64
BAD_INPUT = 65
TRY_AGAIN = 75

MAX_LINE_CHARS = 500


class BackfleetError(Exception):
    """Base of every error of backfleet."""

    exit_code: ClassVar[int] = 1
    worker_exit_code: ClassVar[int] = BAD_CONFIG


class UserError(BackfleetError):
    """A request that cannot be carried out as it stands; nothing was changed."""

    exit_code = 2


class JobError(UserError):
    """A job that asks for something unknown, malformed or impossible."""


class PluginError(UserError):
    """A plugin that two distributions claim, that fails to import, or that is of another kind."""


class MachineCodeError(BackfleetError):
    """Code cannot be compiled, or its machine code cannot run, on this machine."""


class Untrusted(UserError):
    """Content of a store that this user has neither submitted nor accepted.

    Attributes
    ----------
    finding
        The content and its origin, in words.
    sha256s
        The hashes that accept it.
    """

    question: ClassVar[str]
    fix: ClassVar[str]
    option: ClassVar[str]

    def __init__(self, finding: str, sha256s: Sequence[str]) -> None:
        options = " ".join(f"{self.option} {sha256}" for sha256 in sha256s)
        # The message is complete for a client without a terminal; one with a terminal asks
        # `question` and shows `finding` alone.
        super().__init__(f"{finding}\n{self.fix} {options}")
        self.finding = finding
        self.sha256s = sha256s


class UntrustedCode(Untrusted):
    """Code that a store keeps or names."""

    question = "Run it?"
    fix = "If you trust its origin, accept it with"
    option = "--trust-code"


class UntrustedSettings(Untrusted):
    """Settings of an executor that a store keeps."""

    question = "Use them?"
    fix = (
        "Set them yourself with -o or in backfleet.toml. If you trust their origin, accept them "
        "with"
    )
    option = "--trust-settings"


class UnknownPlugin(PluginError):
    """No plugin has this name."""


class ExecutorError(UserError):
    """An executor that cannot be used as it is set up."""


class NoVerdict(UserError):
    """A run has no verdict, because its tasks do not cover all sessions."""


class RunNotFound(UserError):
    """No run has this name, or more than one has it."""


class DataError(UserError):
    """Input that is missing, malformed or empty."""

    worker_exit_code = BAD_INPUT


class MarketError(DataError):
    """The rules of a market do not cover a symbol or a date."""


class DayNotCovered(MarketError):
    """A day on which a rule of a market has no value.

    Attributes
    ----------
    first, end
        The rule has values from `first` on, and before `end`; None if that side is open.
    day
        The day, which is earlier than `first` or not before `end`.
    """

    def __init__(
        self,
        message: str,
        first: date | None = None,
        end: date | None = None,
        day: date | None = None,
    ) -> None:
        super().__init__(message)
        self.first, self.end, self.day = first, end, day


class DataChanged(DataError):
    """Input that is no longer what the run was planned with."""


class UndeclaredFileChanged(UserError):
    """A file that stored rows depend on has changed, and the job does not declare it."""


class StoreError(BackfleetError):
    """The store cannot be read or written."""

    exit_code = 2
    worker_exit_code = TRY_AGAIN


class NoSuchStore(StoreError):
    """The store's path or URL leads to a bucket that is not there, or to a file."""

    worker_exit_code = BAD_CONFIG


class ObjectMissing(StoreError):
    """The store holds no object under this key, or lacks one that another object names."""


class AccessDenied(StoreError):
    """The credentials do not allow this access to the store."""


class StoreFull(StoreError):
    """The file system or service of the store has no space left."""

    # Not a mistake in the request: what is stored stays valid, and the run goes on later.
    exit_code = 1


class CorruptObject(StoreError):
    """An object that is truncated, altered, or no object at all."""


class NondeterministicResult(BackfleetError):
    """A chunk had other results the second time on the same platform; the first is kept."""


class PlatformMismatch(NondeterministicResult):
    """A chunk had other results on another platform; the first is kept.

    backfleet gives the same bits on Linux on x86-64 and on ARM64. So the strategy, or a library
    that it uses, calls functions whose last bit depends on the processor.
    """


class TaskError(BackfleetError):
    """The reason why a task has no results, other than an exception of its strategy.

    It becomes a row. A `retryable` one may not occur on another try: `resume --retry-failed` runs
    such tasks again.
    """

    retryable: ClassVar[bool] = True


class TaskTimeout(TaskError):
    """The task ran longer than `resources.task_timeout`."""


class TaskOutOfMemory(TaskError):
    """The task needed more than `resources.memory`."""


class TaskKilled(TaskError):
    """The task's process was killed from outside."""


class TaskCrashed(TaskError):
    """The task's process ended itself: a segmentation fault, `os._exit`, an abort."""

    retryable = False


class UndeclaredModule(TaskError):
    """The task's process loaded a module that is not part of the run's code."""

    retryable = False


class FolderWarning(UserWarning):
    """A folder for caches or logs cannot be written to, and backfleet goes on without it."""


def error_line(error: BaseException) -> str:
    """Return an exception's type and message without line breaks and control characters.

    For exceptions of code that is not backfleet's: their messages may hold anything, such as
    thousands of lines or the content of a store, and may even fail.
    """
    try:
        # `__str__` of a foreign exception is foreign code and can itself raise anything.
        message = str(error)
    except BaseException:
        message = "(its message cannot be shown)"
    return printable_line(f"{type(error).__name__}: {message}").rstrip(": ")


def cut_text(text: str, max_chars: int) -> str:
    """Return a text, or its beginning and "..." if it is longer than `max_chars` characters."""
    return text if len(text) <= max_chars else f"{text[: max_chars - 3]}..."


def install_command(extra: str) -> str:
    """Return the command that installs an extra, and where it has to run.

    Nothing is released, so that pip must find the project itself; `-e` keeps an installation that
    is editable as it is.
    """
    return f"pip install -e '.[{extra}]' in the checkout of backfleet"


def printable_line(text: str) -> str:
    """Return a stranger's text as one line of at most 500 characters, none of them control."""
    # Cut first, so that a message of megabytes costs nothing. `split` also drops line breaks.
    text = " ".join(text[:MAX_LINE_CHARS].split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
