"""Checking a strategy: whether its numbers can be trusted before it is swept."""

from __future__ import annotations

from backfleet.check.result import CheckResult, Status
from backfleet.check.subject import Subject, subjects_of
from backfleet.check.suite import CHECKS, check_strategy

__all__ = ["CHECKS", "CheckResult", "Status", "Subject", "check_strategy", "subjects_of"]
