"""The price of a run on Fargate, from prices stored here with their date and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from backfleet.sdk import money
from backfleet_executors.aws.fargate import FargateSize

__all__ = [
    "HOUR",
    "PRICES",
    "Charge",
    "Estimate",
    "HourlyPrice",
    "Price",
    "charged_seconds",
    "estimate",
    "hourly_price",
    "known_price",
    "price_in",
]

SPOT_FACTOR = 0.3
"""Share of the on-demand price that Spot costs: AWS says "up to 70 % off", and it moves."""

MIN_BILLED_SECONDS = 60.0
"""What is charged for a task at least. Counted from the start of the image's download."""

START_SECONDS = 40.0
"""Time between the download of a worker's image, from which it is charged, and its first task."""

ADDRESS_HOUR = 0.005
"""US dollars for a public IPv4 address for an hour, in every region since February 2024."""

HOUR = 3600.0
GIB = 1024
DEFAULT_REGION = "us-east-1"
X86 = "amd64"


@dataclass(frozen=True)
class Price:
    """On-demand prices of Linux.

    Attributes
    ----------
    region
        Code of the region.
    vcpu_hour
        One vCPU for one hour.
    gb_hour
        One GB of memory (2**30 bytes) for one hour.
    date, source
        When and where it was looked up.
    architecture
        Of the workers, `amd64` or `arm64`.
    """

    region: str
    vcpu_hour: float
    gb_hour: float
    date: str
    source: str
    currency: str = "USD"
    architecture: str = X86

    def __str__(self) -> str:
        kind = "" if self.architecture == X86 else " on ARM64"
        return f"prices of {self.region}{kind} of {self.date} ({self.source})"


_LIST = "the table of the project fargate-calc"
_SEEN_AGAIN = {
    "us-east-1": ("June 2026", "AWS's price page, by third parties"),
    "eu-central-1": ("June 2023", "AWS's price page, by third parties"),
    "ap-northeast-1": ("December 2025", "AWS's price page, by third parties"),
}
# US dollars for a vCPU-hour and a GB-hour, and the regions with these prices.
_TABLE = {
    (0.04048, 0.004445): "us-east-1 us-east-2 us-west-2 eu-west-1 ap-south-1",
    (0.04656, 0.00511): "us-west-1 eu-central-1 eu-west-2 ap-northeast-2",
    (0.05056, 0.00553): "ap-northeast-1 ap-southeast-1",
    (0.04456, 0.004865): "ca-central-1",
    (0.04856, 0.00532): "ap-southeast-2",
    (0.0696, 0.0076): "sa-east-1",
}
PRICES: Mapping[str, Price] = {
    region: Price(region, *rates, *_SEEN_AGAIN.get(region, ("September 2020", _LIST)))
    for rates, regions in _TABLE.items()
    for region in regions.split()
}
"""By region, on x86-64."""

ARM64_FACTOR = 0.8
"""AWS names 20 % less for ARM64, in every region."""


@dataclass(frozen=True)
class Charge:
    """The workers that are charged.

    Attributes
    ----------
    seconds
        Work of each, without its start.
    is_public
        Whether each has a public IPv4 address, which is paid by the hour.
    architecture
        Of the workers.
    """

    size: FargateSize
    workers: int
    seconds: float
    spot: bool
    region: str
    is_public: bool = True
    architecture: str = X86

    @property
    def hours(self) -> float:
        """The hours that are charged, of all workers."""
        return self.workers * charged_seconds(self.seconds) / HOUR


@dataclass(frozen=True)
class HourlyPrice:
    """The price of one worker for an hour, with its public address if it has one.

    Attributes
    ----------
    spot
        The usual price on Spot.
    address
        The share of the address in both.
    source
        Region, date and source of the price, in words.
    """

    on_demand: float
    spot: float
    address: float
    currency: str
    source: str


@dataclass(frozen=True)
class Estimate:
    """The expected cost of workers.

    Attributes
    ----------
    amount
        With the usual price of Spot, if they run on it.
    ceiling
        At on-demand prices: work that Spot interrupts too often runs there.
    addresses
        The share of public IPv4 addresses in both.
    """

    charge: Charge
    price: Price
    amount: float
    ceiling: float
    addresses: float

    @property
    def is_of_region(self) -> bool:
        """Whether the price is that of the workers' region."""
        return self.charge.region == self.price.region

    @property
    def basis(self) -> str:
        """The assumptions behind the figures."""
        place, currency = str(self.price), self.price.currency
        if not self.is_of_region:
            # An estimate by another region is better than none; `max_cost` accepts a known price
            # only.
            place += f", since those of {self.charge.region} are not stored and may differ by half"
        kind = f"on demand at most {money(self.ceiling)} {currency}, Spot 70 % off; its price moves"
        if not self.charge.spot:
            kind = "on demand"
        addresses = f"{money(self.addresses)} {currency} of it for public IPv4 addresses, "
        return (
            f"{place}; {kind}; {addresses if self.addresses else ''}"
            "without logs, storage and network"
        )


def charged_seconds(seconds: float) -> float:
    """Return the seconds that are charged for an attempt whose container runs for `seconds`."""
    # The start first: the minimum is counted from the download of the image, too.
    return max(seconds + START_SECONDS, MIN_BILLED_SECONDS)


def known_price(region: str, own: Price | None = None, architecture: str = X86) -> Price | None:
    """Return the price of a region, `own` first; None if it is not known."""
    # A price that the user looked up for another region says nothing about this one.
    if own is not None and (own.region, own.architecture) == (region, architecture):
        return own
    stored = PRICES.get(region)
    return stored if stored is None or architecture == X86 else _on_arm64(stored)


def _on_arm64(price: Price) -> Price:
    return replace(
        price,
        # Rounded, since 0.8 times a price has a tail of binary digits.
        vcpu_hour=round(price.vcpu_hour * ARM64_FACTOR, 5),
        gb_hour=round(price.gb_hour * ARM64_FACTOR, 6),
        source=f"{price.source}, less 20 %",
        architecture="arm64",
    )


def price_in(region: str, own: Price | None = None, architecture: str = X86) -> Price:
    """Return the price of a region, or that of us-east-1 if it is not known."""
    known = known_price(region, own, architecture)
    # PRICES always has the default region, so the last one never fails.
    return known or known_price(DEFAULT_REGION, None, architecture) or PRICES[DEFAULT_REGION]


def hourly_price(size: FargateSize, price: Price, *, is_public: bool) -> HourlyPrice:
    """Return the price of a worker of this size for an hour."""
    compute = size.vcpus * price.vcpu_hour + size.memory / GIB * price.gb_hour
    address = ADDRESS_HOUR if is_public else 0.0
    return HourlyPrice(
        # The address costs the same on Spot.
        compute + address,
        compute * SPOT_FACTOR + address,
        address,
        price.currency,
        str(price),
    )


def estimate(charge: Charge, own: Price | None = None) -> Estimate:
    """Return the cost of workers, including the time in which they start.

    `own` is a price that the user has looked up.
    """
    price = price_in(charge.region, own, charge.architecture)
    hour = hourly_price(charge.size, price, is_public=charge.is_public)
    ceiling = charge.hours * hour.on_demand
    amount = charge.hours * hour.spot if charge.spot else ceiling
    return Estimate(charge, price, amount, ceiling, charge.hours * hour.address)
