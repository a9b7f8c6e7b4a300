"""The job: what to run, read from one TOML file or made in Python, and the points of its sweep."""

from __future__ import annotations

from backfleet.job.axis import axis_values
from backfleet.job.model import BUY_AND_HOLD, Broker, Data, Job, Resources, Results, Sweep
from backfleet.job.overrides import Overrides
from backfleet.job.parameter import Parameter, Value
from backfleet.job.planning import plan_points
from backfleet.job.points import Points

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
    "Value",
    "axis_values",
    "plan_points",
]
