"""Whether the code found here is the code that a run was planned with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backfleet.code.hashes import backfleet_hash, component_code, strategy_hash
from backfleet.errors import PluginError
from backfleet.plugins import HOOKS
from backfleet.strategy import StrategyReference

__all__ = ["check_code"]


def check_code(identity: Mapping[str, Any], strategy: StrategyReference) -> None:
    """Raise PluginError where the code found here is not the code that the run was planned with."""
    _compare("backfleet", {"code": identity["backfleet"]}, {"code": backfleet_hash()})
    here = {"target": strategy.target, "code": strategy_hash(strategy)}
    _compare(f"strategy {strategy.target}", identity["strategy"], here)
    for data in (identity["data"], *identity["data"]["auxiliary"].values()):
        _compare_component("source", data["source"])
    for kind, group in (("engine", "engines"), (HOOKS, "plugins")):
        for component in identity[group]:
            _compare_component(kind, component)


def _compare_component(kind: str, planned: Mapping[str, str]) -> None:
    _compare(f"{kind} {planned['name']}", planned, component_code(kind, planned["name"]))


def _compare(what: str, planned: Mapping[str, str], here: Mapping[str, str]) -> None:
    for key, value in planned.items():
        if here[key] != value:
            raise PluginError(
                f"the {key} of {what} is not what the run was planned with "
                f"({_short(here[key])} here, {_short(value)} planned); "
                "run the job again to plan it anew"
            )


def _short(value: str) -> str:
    """Enough of a hash to tell it by; a target as it is."""
    return value if ":" in value else value[:12]
