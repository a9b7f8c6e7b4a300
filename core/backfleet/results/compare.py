"""Two runs beside each other: the differences of their setup, code and results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import unified_diff
from typing import Any

import pyarrow as pa

from backfleet.chunks.column_names import METRICS
from backfleet.results.compare_code import SourceComparison, compare_sources
from backfleet.results.leaderboard import Ranking, leaders_of, ranking_columns
from backfleet.results.match import RunRows, match_tasks
from backfleet.results.query import join_tables
from backfleet.store.plain_json import to_plain

__all__ = ["Comparison", "ConfigDifference", "MetricPair", "compare_runs", "setup_diff"]

# Leaders per run in a comparison.
BEST = 5


@dataclass(frozen=True)
class ConfigDifference:
    """A difference of the configurations of two runs; `key` is its path in a run's identity, such
    as `broker.cash`. A side that lacks it has None."""

    key: str
    first: Any
    second: Any


@dataclass(frozen=True)
class MetricPair:
    """A metric over all matched tasks.

    Attributes
    ----------
    first, second
        Means over the tasks in which both runs have a value; None where there is none.
    differing
        Tasks in which the two differ, to the last bit, or one has no value.
    largest
        The largest difference, second minus first, by its size; None where there is none.
    task
        The first run's task that has it.
    """

    metric: str
    first: float | None
    second: float | None
    differing: int
    largest: float | None
    task: int | None


@dataclass(frozen=True)
class Comparison:
    """The result of `compare_runs`.

    Attributes
    ----------
    config
        The differences of the configuration; empty for a run and itself.
    setup
        The same as the lines of a unified diff of the two identities.
    source
        The difference of the code.
    sampled_points
        Number of points of the first run that are compared; None for all.
    matched, only_first, only_second
        Tasks with a row in both runs, and in one of them.
    metrics
        One for each metric that a row has.
    best
        The best rows of each run by total return, as plain objects.
    """

    first: str
    second: str
    config: Sequence[ConfigDifference]
    setup: Sequence[str]
    source: SourceComparison
    matched_by: Sequence[str]
    sampled_points: int | None
    matched: int
    only_first: int
    only_second: int
    metrics: Sequence[MetricPair]
    best: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare_runs(first: RunRows, second: RunRows) -> Comparison:
    """Put two runs side by side.

    Raises UserError where tasks cannot be matched: a parameter that only one run has varies in it.
    """
    # Before the tasks are matched: of large runs both take much memory.
    best = (_best(first), _best(second))
    matched = match_tasks(first, second)
    pairs = matched.rows
    return Comparison(
        first=first.manifest.run_id,
        second=second.manifest.run_id,
        config=list(_config_differences(_setup(first), _setup(second))),
        setup=setup_diff(first, second),
        source=compare_sources(first, second),
        matched_by=matched.keys,
        sampled_points=first.sampled_points,
        matched=pairs.num_rows,
        only_first=first.rows.num_rows - pairs.num_rows,
        only_second=second.rows.num_rows - pairs.num_rows,
        metrics=[_pair(pairs, name) for name in METRICS if _has_values(pairs, name)],
        best=best,
    )


def setup_diff(first: RunRows, second: RunRows) -> Sequence[str]:
    """Return the lines of a unified diff of two identities; none if they are the same."""
    before, after = (
        [f"{key} = {json.dumps(value)}" for key, value in _setup(run).items()]
        for run in (first, second)
    )
    ids = (first.manifest.run_id, second.manifest.run_id)
    return list(unified_diff(before, after, *ids, n=1, lineterm=""))


def _setup(run: RunRows) -> Mapping[str, Any]:
    # Flat, so that a difference deep in a source's options has a path of its own, such as
    # `broker.cash`.
    return dict(_flat(to_plain(run.manifest.identity)))


def _pair(pairs: pa.Table, metric: str) -> MetricPair:
    a, b = f'"a_{metric}"', f'"b_{metric}"'
    pair = join_tables(
        # Means only of tasks in which both runs have the metric, otherwise they are not comparable.
        # Rows have null instead of NaN, which `IS DISTINCT FROM` counts as a difference from any
        # value and `<>` ignores.
        f"""SELECT avg({a}) FILTER ({b} IS NOT NULL) AS first,
                   avg({b}) FILTER ({a} IS NOT NULL) AS second,
                   count(*) FILTER ({a} IS DISTINCT FROM {b}) AS differing,
                   arg_max({b} - {a}, abs({b} - {a})) FILTER ({a} <> {b}) AS largest,
                   arg_max(a_task, abs({b} - {a})) FILTER ({a} <> {b}) AS task
            FROM pairs""",
        {"pairs": pairs},
    )
    return MetricPair(metric, **pair.to_pylist()[0])


def _has_values(pairs: pa.Table, metric: str) -> bool:
    columns = (pairs.column(f"a_{metric}"), pairs.column(f"b_{metric}"))
    return any(column.null_count < len(column) for column in columns)


def _best(run: RunRows) -> Sequence[Mapping[str, Any]]:
    columns = ["task", "symbol", *run.params, "sharpe", "total_return", "max_drawdown", "trades"]
    if run.all_rows is None:
        board = leaders_of(run.rows, run.manifest, Ranking(by="task"), BEST)
    else:
        # The rows in memory are a sample; the best of a large run are found among all of its rows.
        metric = run.all_rows.metric(None)
        ranking = Ranking(metric, by="task")
        needed = list(dict.fromkeys([*columns, *ranking_columns(metric)]))
        board = run.all_rows.leading_tasks(ranking, BEST, needed)
    leaders: Sequence[Mapping[str, Any]] = board.rows.select(columns).to_pylist()
    return leaders


def _config_differences(
    left: Mapping[str, Any], right: Mapping[str, Any]
) -> Iterator[ConfigDifference]:
    # The keys of both sides, once each, in the order of the identity.
    for key in dict.fromkeys([*left, *right]):
        if left.get(key) != right.get(key):
            yield ConfigDifference(key, left.get(key), right.get(key))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested objects by their dotted paths; those in lists by their names."""
    if path == "points.axes":
        # A list of pairs, which keeps their order. A parameter with one value reads as in a job.
        for name, values in value:
            yield f"params.{name}", values[0] if len(values) == 1 else values
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flat(item, f"{path}.{name}" if path else name)
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            # Names instead of positions, so that an additional symbol or plugin does not change all
            # keys behind it.
            names = item if isinstance(item, Mapping) else {}
            yield from _flat(item, f"{path}.{names.get('name', names.get('symbol', number))}")
    else:
        yield path, value
