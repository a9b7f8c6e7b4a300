"""Whether the code found here is the code that a run was planned with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backfleet.code.hashes import (
    backfleet_hash,
    closure_hash,
    plugin_closure,
    strategy_closure,
)
from backfleet.code.imports import ImportClosure
from backfleet.code.listings import differing_files
from backfleet.code.run_code import RunCode
from backfleet.errors import PluginError
from backfleet.plugins import HOOKS, find_plugin
from backfleet.strategy import StrategyReference

__all__ = ["check_code"]

MOST_NAMED = 5


def check_code(identity: Mapping[str, Any], strategy: StrategyReference) -> RunCode:
    """Return the code found here, other than backfleet's own.

    Raises PluginError if it is not the code that the run was planned with.
    """
    _compare("backfleet", {"code": identity["backfleet"]}, {"code": backfleet_hash()})
    closure = strategy_closure(strategy)
    here = {"target": strategy.target, "code": closure_hash(closure)}
    _compare(f"strategy {strategy.target}", identity["strategy"], here)
    components = [_check_component(*each) for each in _components(identity)]
    return RunCode.of([closure, *components])


def _components(identity: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for data in (identity["data"], *identity["data"]["auxiliary"].values()):
        yield "source", data["source"]
    for kind, group in (("engine", "engines"), (HOOKS, "plugins")):
        for component in identity[group]:
            yield kind, component


def _check_component(kind: str, planned: Mapping[str, str]) -> ImportClosure:
    plugin = find_plugin(kind, planned["name"])
    closure = plugin_closure(plugin.target)
    here = {"name": plugin.name, "target": plugin.target, "code": closure_hash(closure)}
    _compare(f"{kind} {plugin.name}", planned, here)
    return closure


def _compare(what: str, planned: Mapping[str, str], here: Mapping[str, str]) -> None:
    for key, value in planned.items():
        if here[key] != value:
            raise PluginError(
                f"the {key} of {what} is not what the run was planned with "
                f"({_short(here[key])} here, {_short(value)} planned{_differing(value, here[key])})"
                "; run the job again to plan it anew"
            )


def _short(value: str) -> str:
    """Enough of a hash to tell it by; a target as it is."""
    return value if ":" in value else value[:12]


def _differing(planned: str, here: str) -> str:
    files = differing_files(planned, here)
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return f"; these files differ: {', '.join(files[:MOST_NAMED])}{more}" if files else ""
