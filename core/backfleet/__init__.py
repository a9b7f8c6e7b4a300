"""backfleet runs fleets of backtests.

Everything public is reached from here and imported when it is first used, so that
`import backfleet` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Type checkers and editors read these imports, `__getattr__` reads `_HOMES`, and `import *` reads
# `__all__`. A public name stands in all three.
if TYPE_CHECKING:
    from backfleet.bars import Bars, Prices
    from backfleet.engine import Engine, Outcome, Simulation
    from backfleet.engines.fast.cerebro import Cerebro
    from backfleet.engines.vector.backtrader_adapter import as_backtrader
    from backfleet.errors import BackfleetError
    from backfleet.executor import Executor
    from backfleet.hookspecs import hookimpl
    from backfleet.job import Job
    from backfleet.panel import Panel
    from backfleet.report.plot import plot
    from backfleet.runs.control import RunControl
    from backfleet.runs.open import open_run
    from backfleet.runs.query import query
    from backfleet.runs.run import Run
    from backfleet.runs.run_task import run_task
    from backfleet.runs.start import run, submit
    from backfleet.source import Source
    from backfleet.vector_strategy import VectorStrategy

__all__ = [
    "BackfleetError",
    "Bars",
    "Cerebro",
    "Engine",
    "Executor",
    "Job",
    "Outcome",
    "Panel",
    "Prices",
    "Run",
    "RunControl",
    "Simulation",
    "Source",
    "VectorStrategy",
    "as_backtrader",
    "hookimpl",
    "open_run",
    "plot",
    "query",
    "run",
    "run_task",
    "submit",
]

_HOMES = {
    "BackfleetError": "backfleet.errors",
    "Bars": "backfleet.bars",
    "Cerebro": "backfleet.engines.fast.cerebro",
    "Engine": "backfleet.engine",
    "Executor": "backfleet.executor",
    "Job": "backfleet.job",
    "Outcome": "backfleet.engine",
    "Panel": "backfleet.panel",
    "Prices": "backfleet.bars",
    "Run": "backfleet.runs.run",
    "RunControl": "backfleet.runs.control",
    "Simulation": "backfleet.engine",
    "Source": "backfleet.source",
    "VectorStrategy": "backfleet.vector_strategy",
    "as_backtrader": "backfleet.engines.vector.backtrader_adapter",
    "hookimpl": "backfleet.hookspecs",
    "open_run": "backfleet.runs.open",
    "plot": "backfleet.report.plot",
    "query": "backfleet.runs.query",
    "run": "backfleet.runs.start",
    "run_task": "backfleet.runs.run_task",
    "submit": "backfleet.runs.start",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'backfleet' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    # The next access finds the name in the module and does not come here again.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
