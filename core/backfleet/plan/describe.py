"""A strategy's description, remembered under its code's hash: importing backtrader takes long."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from backfleet.cache import cache_folder, write_quietly
from backfleet.code.hashes import backfleet_hash, strategy_hash
from backfleet.code.versions import library_versions
from backfleet.errors import PluginError
from backfleet.job.parameter import Parameter
from backfleet.strategy import StrategyDescription, description_of, load_strategy
from backfleet.strategy_reference import StrategyReference

__all__ = ["describe_strategy"]


def describe_strategy(strategy: StrategyReference) -> StrategyDescription:
    """The strategy's parameters and doc, imported only where its code is new here.

    Raises PluginError, JobError.
    """
    try:
        file = _file(strategy)
    except PluginError:
        # An import says better what is wrong than the search for its files.
        load_strategy(strategy)
        raise
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        data = json.loads(file.read_text())
        parameters = tuple(Parameter.from_json(each) for each in data["parameters"])
        return StrategyDescription(parameters, data["doc"], data["kind"])
    description = description_of(load_strategy(strategy))
    write_quietly(file, json.dumps(asdict(description)).encode())
    return description


def _file(strategy: StrategyReference) -> Path:
    facts = [strategy.target, strategy_hash(strategy), backfleet_hash(), dict(library_versions())]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "strategies" / f"{digest[:32]}.json"
