"""The job file of an adopted script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import tomlkit

from backfleet.adopt.class_tables import in_file
from backfleet.adopt.data_files import AdoptedData
from backfleet.adopt.observation import ObservedParameter, ObservedRun
from backfleet.class_call import CLASS
from backfleet.job.toml import toml_value

__all__ = ["job_text"]

MIN_RANGE = 4
"""Number of evenly spaced values from which on a range is written in place of a list."""


def job_text(
    name: str,
    strategy: str,
    run: ObservedRun,
    data: AdoptedData,
    origin: str,
    names: Mapping[str, str],
) -> str:
    """Return the job as TOML.

    Parameters
    ----------
    strategy
        `file.py:Class`.
    origin
        The script's name and arguments, for the comment on top.
    names
        Names of the job's feeds by the names in the script, where they differ.
    """
    lines = [f"# Adopted from {origin} by 'backfleet adopt'.", f"name = {toml_value(name)}"]
    lines.append(f"strategy = {toml_value(strategy)}")
    if run.params or run.defaults:
        # What is not set shows what could be swept.
        others = [f"# {_parameter(parameter)}" for parameter in run.defaults]
        lines += ["", "[params]", *map(_parameter, run.params), *others]
    lines += ["", "[data]", *_data(data)]
    for feed in data.auxiliary:
        lines += ["", f"[data.auxiliary.{_key(feed.name)}]"]
        if feed.resample is not None:
            lines.append(f"resample = {toml_value(feed.resample)}")
        else:
            lines.append(f"symbols = {toml_value([feed.symbol])}")
        if feed.options is not None:
            lines.append(f"options = {_inline(feed.options)}")
    file = strategy.rpartition(":")[0]
    # A new dict, so `symbols` can be taken out of it.
    broker = in_file(run.broker, file)
    costs = broker.pop("symbols", {})
    lines += ["", "[broker]", *_pairs(broker)]
    for symbol, table in _own_costs(costs, data, names):
        lines += ["", f"[broker.symbols.{_key(symbol)}]", *_pairs(table)]
    if run.sizer is not None:
        lines += ["", "[sizer]", *_pairs(in_file(run.sizer, file))]
    if run.signals:
        lines += ["", "[signals]", *_signals(run, file)]
    if run.analyzers:
        lines += ["", "[results.analyzers]", *_analyzers(in_file(run.analyzers, file))]
    return "\n".join(lines) + "\n"


def _own_costs(
    costs: Mapping[str, Any], data: AdoptedData, names: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The costs of the symbols that the job trades, by their names in the job."""
    for name, table in costs.items():
        if names.get(name, name) in data.symbols:
            yield names.get(name, name), table


def _signals(run: ObservedRun, file: str) -> Iterator[str]:
    for kind, tables in run.signals.items():
        texts = ", ".join(_class(in_file(table, file)) for table in tables)
        yield f"{kind} = {texts}" if len(tables) == 1 else f"{kind} = [{texts}]"


def _class(table: Mapping[str, Any]) -> str:
    """A class, by its name alone if it has no arguments."""
    return _inline(table[CLASS] if set(table) == {CLASS} else table)


def _analyzers(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, table in tables.items():
        yield f"{_key(name)} = {_class(table)}"


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{_key(key)} = {_inline(value)}"


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_pairs(value))} }}"
    return toml_value(value)


def _data(data: AdoptedData) -> Iterator[str]:
    yield f"source = {toml_value(data.source)}"
    yield 'path = "data"'
    if data.feeds:
        yield f"feeds = {toml_value(list(data.feeds))}"
    else:
        yield f"symbols = {toml_value(list(data.symbols))}"
    if data.start is not None:
        yield f"start = {toml_value(data.start)}"
    if data.end is not None:
        yield f"end = {toml_value(data.end)}"
    if data.session_end is not None:
        yield f"session_end = {toml_value(data.session_end)}"
    if data.columns:
        yield f"columns = {toml_value(list(data.columns))}"
    if data.options:
        yield f"options = {_inline(data.options)}"


def _parameter(parameter: ObservedParameter) -> str:
    values = [json.loads(text) for text in parameter.values]
    return f"{_key(parameter.name)} = {_spec(values)}"


def _spec(values: Sequence[Any]) -> str:
    if len(values) == 1:
        return toml_value(values[0])
    # Fractions are written one by one: a range computes them in decimals, and the script may have
    # computed them in binary.
    if len(values) >= MIN_RANGE and all(type(value) is int for value in values):
        step = values[1] - values[0]
        if step and all(b - a == step for a, b in pairwise(values)):
            return f"{{ start = {values[0]}, stop = {values[-1]}, step = {step} }}"
    return toml_value(list(values))


def _key(name: str) -> str:
    # A quoted key is a text in quotes, so all marks in it are escaped.
    return tomlkit.key(name).as_string() if name.isidentifier() else toml_value(name)
