"""`plan_points`: the points of a job, from its `[params]` and `[sweep]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from backfleet.errors import JobError
from backfleet.job.axis import axis_values
from backfleet.job.grid import GridPoints
from backfleet.job.job_errors import combined_error, suggestion
from backfleet.job.model import Sweep
from backfleet.job.parameter import Parameter, Value
from backfleet.job.point_filter import PointFilter
from backfleet.job.point_table import TablePoints, read_columns
from backfleet.job.points import Points, column_of

__all__ = ["plan_points"]


def plan_points(
    params: Mapping[str, object],
    parameters: Sequence[Parameter],
    sweep: Sweep,
    seed: int,
    table: bytes | None = None,
) -> Points:
    """The points of a sweep: a grid of all values, or those of a table, narrowed as `sweep` says.

    Every point has a value for each parameter, the default where the job sets none, so that a
    default that is written out makes no other job. Only a parameter whose default is no plain
    JSON is left out unless the job sets it.

    Parameters
    ----------
    params
        The job's `[params]`.
    parameters
        What the strategy declares, in its order; it is the order of the axes too.
    seed
        The job's, for `sweep.sample`.
    table
        The content of the Parquet file that `sweep.points` names; its columns are parameters.

    Raises
    ------
    JobError
        With a line for each parameter that is unknown, missing, or has an impossible value; for a
        table that does not fit; for a condition that cannot be read; and if no point is left.
    """
    if table is None and sweep.points is not None:
        raise ValueError("sweep.points names a table, whose content was not passed")
    listed = {} if table is None else read_columns(table, parameters)
    axes = _axes(params, parameters, listed)
    point_filter = PointFilter(sweep.where, sweep.sample, seed)
    if not listed:
        return GridPoints(axes, point_filter)
    count = len(next(iter(listed.values())))
    for name, values in axes.items():
        # `_values` has made sure that an axis beside a table has one value.
        listed[name] = np.repeat(column_of(values), count)
    # The digest of a table depends on the order of its columns, so it is that of the strategy.
    in_order = [parameter.name for parameter in parameters if parameter.name in listed]
    return TablePoints({name: listed[name] for name in in_order}, point_filter)


def _axes(
    params: Mapping[str, object], parameters: Sequence[Parameter], listed: Mapping[str, object]
) -> dict[str, tuple[Value, ...]]:
    """The values of all parameters that are not listed in a table."""
    known = [parameter.name for parameter in parameters]
    problems = [
        JobError(f"params.{name}: the strategy has no such parameter{suggestion(name, known)}")
        for name in params
        if name not in known
    ]
    axes = {}
    for parameter in parameters:
        try:
            values = _values(params, parameter, listed)
        except JobError as error:
            problems.append(error)
            continue
        if values is not None:
            axes[parameter.name] = values
    if problems:
        raise combined_error(problems)
    return axes


def _values(
    params: Mapping[str, object], parameter: Parameter, listed: Mapping[str, object]
) -> tuple[Value, ...] | None:
    """Return the values of a parameter; None if the points lack it or a table lists it."""
    key = f"params.{parameter.name}"
    if parameter.name not in params:
        # A default that is no plain JSON stays with the strategy, which uses it when it is not set.
        if parameter.name in listed or (parameter.has_default and not parameter.describable):
            return None
        if not parameter.has_default:
            raise JobError(f"{key}: has no default; set it")
        return (parameter.coerce(parameter.default),)
    if parameter.name in listed:
        raise JobError(f"{key}: is also a column of sweep.points; remove one of the two")
    values = axis_values(parameter, params[parameter.name])
    if listed and len(values) > 1:
        raise JobError(
            f"{key}: has {len(values)} values, but sweep.points lists the points; give one"
        )
    return values
