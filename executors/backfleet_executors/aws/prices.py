"""What a run costs on Fargate, from prices stored here with their date and source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backfleet_executors.aws.fargate import FargateSize

__all__ = ["PRICES", "Cost", "Price", "cost_of", "estimate", "price_in"]

SPOT_FACTOR = 0.3
"""Share of the on-demand price that Spot costs: AWS says "up to 70 % off", and it moves."""

LEAST_SECONDS = 60.0
"""What is charged for a task at least. Counted from the start of the image's download."""

HOUR = 3600.0
GIB = 1024
USUAL_REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """On-demand prices of Linux on x86-64, in US dollars.

    Attributes
    ----------
    vcpu_hour
        A vCPU for an hour.
    gb_hour
        A GB of memory (2**30 bytes) for an hour.
    date
        When it was looked up.
    source
        Where it was looked up.
    """

    region: str
    vcpu_hour: float
    gb_hour: float
    date: str
    source: str


PRICES: Mapping[str, Price] = {
    price.region: price
    for price in (
        Price("us-east-1", 0.04048, 0.004445, "March 2026", "third-party lists of AWS's prices"),
    )
}
"""By region."""


@dataclass(frozen=True)
class Cost:
    """What tasks cost, in US dollars.

    Attributes
    ----------
    dollars
        With the usual price of Spot, where they run on it.
    at_most
        At on-demand prices: what Spot interrupts too often runs there.
    vcpu_hours, gb_hours
        What is charged.
    price
        The price used; its region is another where that of the tasks is not stored.
    spot
        Whether they run on Spot.
    region
        Where they run.
    """

    dollars: float
    at_most: float
    vcpu_hours: float
    gb_hours: float
    price: Price
    spot: bool
    region: str

    @property
    def basis(self) -> str:
        """What the figure stands on, in words."""
        place = f"{self.price.region} of {self.price.date}"
        if self.region != self.price.region:
            place += f", for want of those of {self.region}, which may differ by a third"
        kind = "Spot, 70 % off; its price moves" if self.spot else "on demand"
        return f"prices of {place}; {kind}; without logs, storage and network"

    def __str__(self) -> str:
        most = f" (at most ${self.at_most:,.2f})" if self.spot else ""
        return f"${self.dollars:,.2f}{most}: {self.basis}"


def price_in(region: str) -> Price:
    """The region's price, or that of us-east-1 where it is not stored."""
    return PRICES.get(region, PRICES[USUAL_REGION])


def estimate(size: FargateSize, seconds: float, shards: int, *, spot: bool, region: str) -> Cost:
    """What so many shards of about so many seconds each will cost."""
    return _cost(size, max(seconds, LEAST_SECONDS) * shards, spot, region)


def cost_of(size: FargateSize, seconds: Iterable[float], *, spot: bool, region: str) -> Cost:
    """What shards have cost that took so many seconds, one after the other."""
    charged = sum(max(each, LEAST_SECONDS) for each in seconds)
    return _cost(size, charged, spot, region)


def _cost(size: FargateSize, charged: float, spot: bool, region: str) -> Cost:
    price = price_in(region)
    vcpu_hours = size.vcpus * charged / HOUR
    gb_hours = size.memory / GIB * charged / HOUR
    on_demand = vcpu_hours * price.vcpu_hour + gb_hours * price.gb_hour
    dollars = on_demand * SPOT_FACTOR if spot else on_demand
    return Cost(dollars, on_demand, vcpu_hours, gb_hours, price, spot, region)
