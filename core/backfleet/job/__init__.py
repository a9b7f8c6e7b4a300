"""The job: what to run, read from one TOML file or made in Python, and the points of its sweep.

What is named here is imported when it is first used: workers need the points, and not the models
that job files are checked with, which take longer to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backfleet.job.axis import axis_values
    from backfleet.job.benchmark import BUY_AND_HOLD
    from backfleet.job.model import Broker, Data, Job, Resources, Results, Sweep, Validation
    from backfleet.job.overrides import Overrides
    from backfleet.job.parameter import Parameter, Value
    from backfleet.job.planning import plan_points
    from backfleet.job.points import Points
    from backfleet.job.stored_points import points_from_json

__all__ = [
    "BUY_AND_HOLD",
    "Broker",
    "Data",
    "Job",
    "Overrides",
    "Parameter",
    "Points",
    "Resources",
    "Results",
    "Sweep",
    "Validation",
    "Value",
    "axis_values",
    "plan_points",
    "points_from_json",
]

_HOMES = {
    "BUY_AND_HOLD": "benchmark",
    "Broker": "model",
    "Data": "model",
    "Job": "model",
    "Overrides": "overrides",
    "Parameter": "parameter",
    "Points": "points",
    "Resources": "model",
    "Results": "model",
    "Sweep": "model",
    "Validation": "model",
    "Value": "parameter",
    "axis_values": "axis",
    "plan_points": "planning",
    "points_from_json": "stored_points",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
