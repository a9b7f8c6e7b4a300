"""The conformance tests of executors hold for the executor that comes along."""

from __future__ import annotations

from backfleet.testing import ExecutorConformance


class TestLocal(ExecutorConformance):
    executor = "local"
    options = ("workers=2",)
