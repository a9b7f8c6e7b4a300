"""The fresh process of `python -m backfleet.check.isolated FILE`: a strategy from its wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from backfleet.no_bytecode import INSTALLED

if TYPE_CHECKING:
    from backfleet.check.signals import Signals

__all__ = ["Surroundings", "answer", "read_only", "signals_digest"]


@dataclass(frozen=True)
class Surroundings:
    """The code that the process can import.

    Attributes
    ----------
    code
        The folder of the unpacked wheel.
    hidden
        Top-level modules that are installed and not required.
    folder
        Where the code of a `file.py:Class` strategy lies, empty for others.
    """

    code: str
    hidden: Sequence[str]
    folder: str

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    def enter(self) -> None:
        """Find the wheel first, backfleet, and what is installed; nothing else."""
        own = _roots_of_backfleet()
        # No current folder and no PYTHONPATH: another machine has neither.
        kept = [entry for entry in sys.path if entry in own or _is_installation(entry)]
        sys.path[:] = [self.code, *kept]
        # Editable installs find their code without `sys.path`.
        editable = [finder for finder in sys.meta_path if _is_editable(finder)]
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in editable]
        # The first finder is asked before all others.
        sys.meta_path.insert(0, _Hidden(frozenset(self.hidden)))


class _Hidden(MetaPathFinder):
    """Finds nothing, and lets nobody else find certain modules."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(
                f"No module named {fullname!r} (it is installed here, but the package's metadata "
                "do not require it)",
                name=fullname,
            )


def read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a view of a dictionary. pickle needs a function of a module for it."""
    return MappingProxyType(mapping)


def signals_digest(signals: Signals) -> str:
    """Return the SHA-256 of signals as hexadecimal digits."""
    sha = hashlib.sha256()
    for array in (signals.time, signals.symbol, signals.values):
        sha.update(array.tobytes())
    return sha.hexdigest()


def answer(request: Path) -> Mapping[str, Any]:
    """Return the digests of a strategy's signals, or the error that it raised."""
    with request.open("rb") as stream:
        surroundings = Surroundings(**json.loads(stream.readline()))
        # Before anything is unpickled or imported that could come from the wheel.
        surroundings.enter()
        target, tasks = pickle.load(stream)
    # Deferred until this process finds modules as a worker does.
    from backfleet.check.check_case import CheckCase
    from backfleet.check.running import describe_error
    from backfleet.check.signals import signals_of
    from backfleet.strategy import load_strategy
    from backfleet.strategy_reference import StrategyReference

    folder = surroundings.code if surroundings.folder else None
    try:
        strategy = load_strategy(StrategyReference(target, folder))
        subjects = [CheckCase(strategy, bars, params, broker) for bars, params, broker in tasks]
        return {"digests": [signals_digest(signals_of(subject)) for subject in subjects]}
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # `load_strategy` wraps what the module raised, which is what the author has to see.
        return {"error": describe_error(error.__cause__ or error)}


def _roots_of_backfleet() -> set[str]:
    """Return the entries of `sys.path` through which backfleet and its own plugins are found."""
    from backfleet.plugins import list_plugins

    own = [plugin for plugin in list_plugins() if plugin.distribution == "backfleet"]
    modules = {"backfleet", *(plugin.target.partition(".")[0] for plugin in own)}
    specs = filter(None, map(importlib.util.find_spec, modules))
    places = (place for spec in specs for place in spec.submodule_search_locations or ())
    return {str(Path(place).parent) for place in places}


def _is_installation(entry: str) -> bool:
    """Whether a folder holds the standard library, or what pip has installed."""
    library = Path(os.__file__).parent
    path = Path(entry)
    if INSTALLED & set(path.parts):
        return True
    # The standard library, its compiled modules, or its zip file.
    return path.is_relative_to(library) or (path.parent == library.parent and path.suffix == ".zip")


def _is_editable(finder: Any) -> bool:
    """Whether a finder is one that setuptools leaves for an editable install."""
    return str(getattr(finder, "__module__", "")).startswith("__editable__")


if __name__ == "__main__":
    # What the strategy prints comes before.
    print(f"\n{json.dumps(answer(Path(sys.argv[1])))}")
