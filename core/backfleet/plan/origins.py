"""The distributions that a run's plugins come from."""

from __future__ import annotations

from collections.abc import Iterator

from backfleet.code.distributions import canonical_name, find_distribution, find_owners
from backfleet.code.hashes import distribution_hashes
from backfleet.code.units import find_unit
from backfleet.plan.identity import Identity
from backfleet.plan.manifest import PlannedDistribution
from backfleet.plugins import find_plugin
from backfleet.strategy_reference import StrategyReference

__all__ = ["planned_distributions"]


def planned_distributions(
    identity: Identity, strategy: StrategyReference
) -> list[PlannedDistribution]:
    """Return the distributions of the strategy, the sources, the engines and the named plugins,
    sorted by name. Code in a file or folder has none.

    Raises UnknownPlugin, PluginError.
    """
    names = {*_of_components(identity), *_of_strategy(strategy)}
    distributions = [find_distribution(name) for name in sorted(names)]
    contents = distribution_hashes(names)
    return [
        PlannedDistribution(distribution.name, distribution.version, contents[distribution.name])
        for distribution in distributions
        if distribution is not None
    ]


def _of_components(identity: Identity) -> Iterator[str]:
    for kind, component in identity.components():
        yield canonical_name(find_plugin(kind, component.name).distribution)


def _of_strategy(strategy: StrategyReference) -> Iterator[str]:
    if strategy.distribution:
        yield canonical_name(strategy.distribution)
    # Neither an entry point nor a folder: a module that can be imported may be installed, and then
    # the files around it tell to which distribution it belongs.
    elif strategy.folder is None:
        unit = find_unit(strategy.target.partition(":")[0])
        for _, owner in find_owners([] if unit is None else [unit]):
            if owner is not None:
                yield owner.name
