"""The setup of a run in one line, which tells runs of one strategy apart in listings."""

from __future__ import annotations

from collections.abc import Iterator

from backfleet.errors import cut_text
from backfleet.plan.manifest import Manifest
from backfleet.runs.broker_words import broker_words

__all__ = ["setup_words"]

MAX_LINE_CHARS = 300


def setup_words(manifest: Manifest) -> str:
    """Return what a run is planned with beside strategy, data and parameters.

    Such as `portfolio; market cn-a; commission 0.0200%; cash 100,000`.
    """
    return cut_text("; ".join(_parts(manifest)), MAX_LINE_CHARS)


def _parts(manifest: Manifest) -> Iterator[str]:
    identity, broker = manifest.identity, manifest.broker
    if manifest.is_portfolio:
        yield "portfolio"
    if identity.market is not None:
        off = f" without {', '.join(identity.market.off)}" if identity.market.off else ""
        yield f"market {identity.market.rules.name}{off}"
    costs = broker_words(broker)
    # Under a market, its dated fees apply, and the broker has none of its own.
    if identity.market is None or costs["Costs"] != "none":
        yield costs["Costs"] if costs["Costs"] != "none" else "no costs"
    if "Broker" in costs:
        yield costs["Broker"]
    yield f"cash {broker.cash:,.0f}"
    if identity.results.risk_free_rate:
        yield f"risk-free rate {identity.results.risk_free_rate:.4g}"
