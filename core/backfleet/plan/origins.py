"""The distributions that a run's plugins come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backfleet.code.distributions import canonical_name, find_distribution, find_owners
from backfleet.code.hashes import distribution_hashes
from backfleet.code.units import find_unit
from backfleet.plan.manifest import PlannedDistribution
from backfleet.plugins import HOOKS, find_plugin
from backfleet.strategy import StrategyReference

__all__ = ["planned_distributions"]


def planned_distributions(
    identity: Mapping[str, Any], strategy: StrategyReference
) -> list[PlannedDistribution]:
    """Those of the strategy, the sources, the engines and the named plugins, sorted by name; code
    in a file or folder has none.

    Raises UnknownPlugin, PluginError.
    """
    names = {*_of_components(identity), *_of_strategy(strategy)}
    found = [find_distribution(name) for name in sorted(names)]
    contents = distribution_hashes(names)
    return [
        PlannedDistribution(each.name, each.version, contents[each.name])
        for each in found
        if each is not None
    ]


def _of_components(identity: Mapping[str, Any]) -> Iterator[str]:
    data = identity["data"]
    sources = [each["source"]["name"] for each in (data, *data["auxiliary"].values())]
    named = {
        "source": sources,
        "engine": [each["name"] for each in identity["engines"]],
        HOOKS: [each["name"] for each in identity["plugins"]],
    }
    for kind, names in named.items():
        for name in names:
            yield canonical_name(find_plugin(kind, name).distribution)


def _of_strategy(strategy: StrategyReference) -> Iterator[str]:
    if strategy.distribution:
        yield canonical_name(strategy.distribution)
    elif strategy.folder is None:
        unit = find_unit(strategy.target.partition(":")[0])
        for _, owner in find_owners([] if unit is None else [unit]):
            if owner is not None:
                yield owner.name
