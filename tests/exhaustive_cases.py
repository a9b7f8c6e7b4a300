"""Parameters of tests of which the default run takes a few, and `-m exhaustive` the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["EVERY_ENGINE", "cases"]


def cases(*default: Any, exhaustive: Iterable[Any]) -> list[Any]:
    """Return the parameters for `pytest.mark.parametrize`; a tuple gives several arguments."""
    return [*default, *(_marked(case) for case in exhaustive)]


def _marked(case: Any) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.exhaustive)


EVERY_ENGINE = cases(
    ("vector", "each"),
    ("backtrader", "portfolio"),
    ("backtrader-stock", "each"),
    exhaustive=[("vector", "portfolio"), ("backtrader", "each"), ("backtrader-stock", "portfolio")],
)
"""Each engine and each universe at least once; with `-m exhaustive`, all of their pairs."""
