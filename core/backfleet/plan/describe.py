"""A strategy's description, remembered under its code's hash: importing backtrader takes long."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from backfleet.cache import cache_folder, write_quietly
from backfleet.code.hashes import own_hash, strategy_hash
from backfleet.code.open_recorder import recording
from backfleet.code.opened_files import OpenedFiles
from backfleet.code.versions import library_versions
from backfleet.errors import PluginError
from backfleet.job.parameter import Parameter
from backfleet.strategy import StrategyDescription, description_of, load_strategy
from backfleet.strategy_folder import strategy_root
from backfleet.strategy_reference import StrategyReference

__all__ = ["describe_strategy"]

SCHEMA = 4
"""Version of the description. A change of `backfleet.strategy`, which is in no hash, raises it."""


def describe_strategy(strategy: StrategyReference) -> StrategyDescription:
    """Return the strategy's parameters and doc. It is imported only if its code is new here.

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
        parameters = tuple(Parameter.from_json(parameter) for parameter in data["parameters"])
        return StrategyDescription(**data | {"parameters": parameters})
    opened = OpenedFiles(strategy_root(strategy))
    with recording(opened):
        description = description_of(load_strategy(strategy))
    # The description may depend on what the import has read.
    if not opened.files():
        write_quietly(file, json.dumps(asdict(description)).encode())
    return description


def _file(strategy: StrategyReference) -> Path:
    # The class `Parameter` decides what is read of a default.
    code = [strategy_hash(strategy), own_hash(["backfleet.job.parameter"])]
    facts = [SCHEMA, strategy.target, code, dict(library_versions())]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "strategies" / f"{digest[:32]}.json"
