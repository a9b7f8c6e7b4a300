"""Identities of runs that are never computed."""

from __future__ import annotations

from typing import Literal

from backfleet.engine import BrokerSettings
from backfleet.job import Points
from backfleet.plan.identity import Component, DataIdentity, Identity, ResultsIdentity

__all__ = ["make_identity"]

CODE = "0" * 64


def make_identity(points: Points, universe: Literal["each", "portfolio"] = "each") -> Identity:
    """Return an identity with these points and otherwise plain values."""
    return Identity(
        backfleet=CODE,
        versions={"numpy": "2.0"},
        strategy=Component("mine:Mine", CODE),
        plugins=(),
        engines=(Component("backfleet.engines.backtrader:BacktraderEngine", CODE, "backtrader"),),
        seed=0,
        files={},
        points=points.to_json(),
        data=DataIdentity(
            source=Component("backfleet.sources.csv:CsvSource", CODE, "csv"),
            options={},
            timezone="UTC",
            columns=(),
            universe=universe,
            start=None,
            end=None,
            warmup=0,
            digests={},
            auxiliary={},
            resampled={},
        ),
        broker=BrokerSettings(cash=1.0, commission=0.0),
        results=ResultsIdentity("full", "buy-and-hold", "auto"),
    )
