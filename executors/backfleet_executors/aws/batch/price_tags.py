"""The price and the limit of a submission, as tags of its jobs.

The hourly clean-up reads them, and so does a client that finds jobs without a handle.
"""

from __future__ import annotations

from collections.abc import Mapping

from backfleet_executors.aws.prices import HourlyPrice

__all__ = ["max_cost_of", "price_of", "price_tags"]

PRICE_TAG = "backfleet:price"
"""A worker's hour on demand, on Spot, that of its address, and the currency."""

MAX_COST_TAG = "backfleet:max-cost"
"""What all workers of the job may cost on demand."""


def price_tags(price: HourlyPrice | None, max_cost: float | None) -> dict[str, str]:
    """Return the tags of a job whose workers may cost `max_cost` together."""
    if price is None:
        return {}
    # Six digits: tags are for people, too. The clean-up function reads the first number.
    hours = " ".join(f"{hour:.6g}" for hour in (price.on_demand, price.spot, price.address))
    limit = {} if max_cost is None else {MAX_COST_TAG: f"{max_cost:.6g}"}
    return {PRICE_TAG: f"{hours} {price.currency}", **limit}


def price_of(tags: Mapping[str, str]) -> HourlyPrice | None:
    """Return the price that the tags of a job name; None without one."""
    parts = tags.get(PRICE_TAG, "").split()
    try:
        # Anybody who may tag jobs could have written it. ValueError also comes from a wrong count.
        on_demand, spot, address, currency = parts
        hours = float(on_demand), float(spot), float(address)
    except ValueError:
        return None
    return HourlyPrice(*hours, currency, "the price at its submission")


def max_cost_of(tags: Mapping[str, str]) -> float | None:
    """Return the limit that the tags of a job name; None without one."""
    try:
        return float(tags[MAX_COST_TAG])
    except (KeyError, ValueError):
        return None
