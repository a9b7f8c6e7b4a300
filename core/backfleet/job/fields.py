"""Types of values that several sections of a job have."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AllowInfNan, BeforeValidator, Field, Strict

from backfleet.job import rules

__all__ = ["Day", "Number", "Text", "Whole"]

Text = Annotated[str, Strict(), Field(min_length=1)]
# Strict, because pydantic would otherwise take "5" and true for numbers.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(False)]
Day = Annotated[date, BeforeValidator(rules.day)]
