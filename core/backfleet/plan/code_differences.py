"""The differences between what a run was planned with and what this process finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from backfleet.code.declared_files import hash_declared_files
from backfleet.code.hashes import backfleet_hash, component_code, strategy_hash
from backfleet.code.versions import library_versions
from backfleet.errors import JobError, PluginError
from backfleet.plan.identity import Component, FeedIdentity, Identity, MarketIdentity
from backfleet.plugins import HOOKS
from backfleet.strategy_folder import strategy_root
from backfleet.strategy_reference import StrategyReference

__all__ = [
    "CodeDifference",
    "code_differences",
    "component",
    "component_differences",
    "identity_here",
    "platform_differences",
]

SHOWN_DIGITS = 12
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class CodeDifference:
    """One difference; `planned` and `here` are versions, hashes or targets, "missing" for none.

    `module` is the module that the component begins with; empty for a library.
    """

    subject: str
    planned: str
    here: str
    module: str = ""

    def __str__(self) -> str:
        here, planned = (_HASH.sub(_shortened, side) for side in (self.here, self.planned))
        return f"{self.subject} is {here} here, {planned} in the plan"


def component(kind: str, name: str) -> Component:
    """Return a plugin as an identity names it. Raises UnknownPlugin, PluginError."""
    return Component(**component_code(kind, name))


def platform_differences(identity: Identity) -> list[CodeDifference]:
    """Return the differences of what runs any task: backfleet's own code, and the libraries."""
    pairs = [("the code of backfleet", identity.backfleet, backfleet_hash())]
    # The plan's list decides: another version of backfleet may name other libraries.
    here = library_versions()
    versions = identity.versions.items()
    pairs += [(name, version, here.get(name, "missing")) for name, version in versions]
    return [CodeDifference(*pair) for pair in pairs if pair[1] != pair[2]]


def code_differences(identity: Identity, strategy: StrategyReference) -> list[CodeDifference]:
    """Return the differences of the strategy, the plugins and the declared files.

    Nothing is imported.
    """
    files = _file_differences(identity, strategy)
    return [*files, *component_differences(identity, strategy)]


def component_differences(
    identity: Identity, strategy: StrategyReference
) -> Iterator[CodeDifference]:
    """Yield the differences of the strategy and the plugins; nothing is imported."""
    for subject, planned, kind in _components(identity):
        module = planned.target.partition(":")[0]
        try:
            here = _strategy(strategy) if kind is None else component(kind, planned.name)
        except PluginError:
            # A component that cannot be found is a difference to report, and not an error.
            here = Component("", "missing")
        # Another target is another class, which says more than that its code differs.
        if here.target and here.target != planned.target:
            yield CodeDifference(subject, planned.target, here.target, module)
        elif here.code != planned.code:
            yield CodeDifference(f"the code of {subject}", planned.code, here.code, module)


def identity_here(identity: Identity, strategy: StrategyReference) -> Identity:
    """Return the identity with the code and the versions that this process finds.

    Workers accept it even if they would reject the run's own. Raises PluginError or JobError if a
    component or a declared file is missing here.
    """
    data = identity.data
    root = strategy_root(strategy)
    return replace(
        identity,
        files=hash_declared_files({name: root / name for name in identity.files}),
        backfleet=backfleet_hash(),
        versions=dict(library_versions()),
        strategy=_strategy(strategy),
        plugins=tuple(component(HOOKS, plugin.name) for plugin in identity.plugins),
        engines=tuple(component("engine", engine.name) for engine in identity.engines),
        market=_market(identity.market),
        data=replace(
            data,
            source=_source(data),
            auxiliary={
                name: replace(feed, source=_source(feed)) for name, feed in data.auxiliary.items()
            },
        ),
    )


def _market(market: MarketIdentity | None) -> MarketIdentity | None:
    if market is None:
        return None
    return replace(market, rules=component("market", market.rules.name))


def _file_differences(identity: Identity, strategy: StrategyReference) -> Iterator[CodeDifference]:
    for name, planned in identity.files.items():
        try:
            here = hash_declared_files({name: strategy_root(strategy) / name})[name]
        except (JobError, PluginError):
            here = "missing"
        if here != planned:
            yield CodeDifference(f"the file {name}", planned, here)


def _components(identity: Identity) -> Iterator[tuple[str, Component, str | None]]:
    """Return the name for messages, the component and its kind; a strategy has none."""
    yield f"strategy {identity.strategy.target}", identity.strategy, None
    for kind, planned in identity.components():
        yield f"{kind} {planned.name}", planned, kind


def _strategy(strategy: StrategyReference) -> Component:
    return Component(strategy.target, strategy_hash(strategy))


def _source(feed: FeedIdentity) -> Component:
    return component("source", feed.source.name)


def _shortened(digest: re.Match[str]) -> str:
    return digest[0][:SHOWN_DIGITS]
