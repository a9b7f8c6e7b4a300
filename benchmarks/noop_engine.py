"""An engine that does nothing, as a plugin of another package: what is left is backfleet's own."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from backfleet.engine import EQUITY, FILL, ORDER, TRADE, Engine, Outcome, Simulation

__all__ = ["BARS", "NoopEngine", "install"]

BARS = 608
METADATA = "Metadata-Version: 2.1\nName: noop-engine\nVersion: 1.0\n"
ENTRY_POINTS = "[backfleet.engines]\nnoop = noop_engine:NoopEngine\n"


def _outcome() -> Outcome:
    draw = np.random.default_rng(0)
    equity = np.zeros(BARS, EQUITY)
    equity["time"] = np.arange(BARS) * 86_400_000_000_000
    equity["value"] = 1e5 * np.cumprod(1.0 + draw.normal(0.0003, 0.01, BARS))
    equity["cash"] = equity["value"] * draw.uniform(0.0, 1.0, BARS)
    equity["exposure"] = equity["value"] - equity["cash"]
    return Outcome(equity, np.empty(0, ORDER), np.empty(0, FILL), np.empty(0, TRADE))


class NoopEngine(Engine):
    """Gives an equal outcome every time, its own each task: an account of 608 bars, no orders."""

    name = "noop"
    outcome = _outcome()

    def run(self, simulation: Simulation) -> Outcome:
        return replace(self.outcome, equity=self.outcome.equity.copy())


def install(folder: Path) -> None:
    """Make the engine a plugin for this process's children, as `pip install` would."""
    metadata = folder / "noop_engine-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(METADATA)
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    shutil.copy(__file__, folder / "noop_engine.py")
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
