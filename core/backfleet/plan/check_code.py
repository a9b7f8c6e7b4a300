"""Whether the code found here is the code that a run was planned with."""

from __future__ import annotations

from backfleet.code.hashes import backfleet_hash, closure_hash, plugin_closure, strategy_closure
from backfleet.code.imports import ImportClosure
from backfleet.code.listings import differing_files
from backfleet.code.run_code import RunCode
from backfleet.errors import PluginError
from backfleet.plan.identity import Component, Identity
from backfleet.plugins import find_plugin
from backfleet.strategy_reference import StrategyReference

__all__ = ["check_code"]

MOST_NAMED = 5


def check_code(identity: Identity, strategy: StrategyReference) -> RunCode:
    """Return the code found here, other than backfleet's own.

    Raises PluginError if it differs from the code of the plan.
    """
    if identity.backfleet != (here := backfleet_hash()):
        raise _difference("backfleet", "code", here, identity.backfleet)
    closures = [strategy_closure(strategy)]
    _compare(f"strategy {strategy.target}", identity.strategy, strategy.target, closures[0])
    for kind, planned in identity.components():
        target = find_plugin(kind, planned.name).target
        closures.append(plugin_closure(target))
        _compare(f"{kind} {planned.name}", planned, target, closures[-1])
    return RunCode.of(closures)


def _compare(subject: str, planned: Component, target: str, closure: ImportClosure) -> None:
    if target != planned.target:
        raise _difference(subject, "target", target, planned.target)
    if (here := closure_hash(closure)) != planned.code:
        raise _difference(subject, "code", here, planned.code)


def _difference(subject: str, key: str, here: str, planned: str) -> PluginError:
    return PluginError(
        f"the {key} of {subject} is not what the run was planned with "
        f"({_short(here)} here, {_short(planned)} planned{_differing(planned, here)}); "
        "run the job again to plan a new run"
    )


def _short(value: str) -> str:
    """Return enough of a hash to recognize it; a target as it is."""
    return value if ":" in value else value[:12]


def _differing(planned: str, here: str) -> str:
    files = differing_files(planned, here)
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return f"; these files differ: {', '.join(files[:MOST_NAMED])}{more}" if files else ""
