"""Compare the code found here with the code that a run was planned with."""

from __future__ import annotations

from backfleet.code.hashes import backfleet_hash, strategy_hash
from backfleet.errors import PluginError
from backfleet.plan.identify import component
from backfleet.plan.identity import Component, Identity
from backfleet.strategy_reference import StrategyReference

__all__ = ["check_code"]


def check_code(identity: Identity, strategy: StrategyReference) -> None:
    """Raise PluginError if the code found here differs from the code of the plan."""
    if identity.backfleet != (here := backfleet_hash()):
        raise _difference("backfleet", "code", here, identity.backfleet)
    _compare(
        f"strategy {strategy.target}",
        identity.strategy,
        Component(strategy.target, strategy_hash(strategy)),
    )
    for kind, planned in identity.components():
        _compare(f"{kind} {planned.name}", planned, component(kind, planned.name))


def _compare(subject: str, planned: Component, here: Component) -> None:
    for key in ("target", "code"):
        if getattr(here, key) != getattr(planned, key):
            raise _difference(subject, key, getattr(here, key), getattr(planned, key))


def _difference(subject: str, key: str, here: str, planned: str) -> PluginError:
    return PluginError(
        f"the {key} of {subject} is not what the run was planned with "
        f"({_short(here)} here, {_short(planned)} planned); run the job again to plan a new run"
    )


def _short(value: str) -> str:
    """Return enough of a hash to recognize it; a target as it is."""
    return value if ":" in value else value[:12]
