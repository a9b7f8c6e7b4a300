"""The job: a request to run a strategy, read from a TOML file or built in Python.

`model.py` is the entry point: `Job` and its sections, checked by pydantic (`section.py`,
`rules.py`, `quantities.py`). `toml.py` and `text_file.py` read files that anybody may have written,
`overrides.py` applies the options of the command line, and `job_errors.py` words messages.
`sweep_points.py` turns `[params]` and `[sweep]` into points: axes (`axis.py`) become a grid
(`grid.py`) or a table (`point_table.py`), which `point_filter.py` filters with `where.py`. Points
are computed when they are asked for, so a million of them cost nothing.

The names below are imported when they are first used: workers need the points but not the models
that check job files, which take longer to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backfleet.job.axis import axis_values
    from backfleet.job.benchmark import BUY_AND_HOLD
    from backfleet.job.broker import Broker
    from backfleet.job.model import Data, Job, Resources, Results, Sweep, Validation
    from backfleet.job.overrides import Overrides
    from backfleet.job.parameter import Parameter, Value
    from backfleet.job.points import Points
    from backfleet.job.stored_points import points_from_json
    from backfleet.job.sweep_points import plan_points

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

# Type checkers read the imports above; a running program looks the same names up here.
_HOMES = {
    "BUY_AND_HOLD": "benchmark",
    "Broker": "broker",
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
    "plan_points": "sweep_points",
    "points_from_json": "stored_points",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    # Python calls `__getattr__` only for names that the module lacks, so each is looked up once.
    globals()[name] = value
    return value
