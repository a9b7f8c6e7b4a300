"""Limits of an SQL query: memory and time."""

from __future__ import annotations

from dataclasses import dataclass

from backfleet.errors import UserError
from backfleet.job.quantities import parse_memory

__all__ = ["DEFAULT_SQL_MEMORY", "SqlLimits"]

DEFAULT_SQL_MEMORY = 512 * 2**20
MIN_SQL_MEMORY = 64 * 2**20
MAX_TIMEOUT_SECONDS = 10**6


@dataclass(frozen=True)
class SqlLimits:
    """Limits of one query.

    Attributes
    ----------
    memory
        Bytes that DuckDB may use, and bytes that the result may have.
    timeout
        Seconds after which the query is stopped; None leaves that to Ctrl-C.
    """

    memory: int = DEFAULT_SQL_MEMORY
    timeout: float | None = None

    @classmethod
    def of(cls, memory: int | str | None, timeout: float | None) -> SqlLimits:
        """Return limits from a size such as "2 GiB", and seconds. Raises UserError."""
        try:
            limits = cls(DEFAULT_SQL_MEMORY if memory is None else parse_memory(memory), timeout)
        except ValueError as error:
            raise UserError(f"the memory limit {memory!r} {error}") from None
        if limits.memory < MIN_SQL_MEMORY:
            raise UserError(
                f"the memory limit {memory!r} is too small for a query; give 64 MiB or more"
            )
        # Written so that NaN, which is in no order with any number, is rejected too.
        if timeout is not None and not 0 < timeout <= MAX_TIMEOUT_SECONDS:
            raise UserError(
                f"the timeout {timeout!r} is not a number of seconds above 0 and up to "
                f"{MAX_TIMEOUT_SECONDS:,}"
            )
        return limits
