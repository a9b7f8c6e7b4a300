"""The price of a run is computed as AWS charges it, and names its assumptions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backfleet.executor import Cost
from backfleet_executors.aws.fargate import FargateSize
from backfleet_executors.aws.prices import (
    ADDRESS_HOUR,
    PRICES,
    START_SECONDS,
    Charge,
    estimate,
    price_in,
)

SMALL = FargateSize(1, 2048)
ON_DEMAND_HOUR = 0.04048 + 2 * 0.004445
HOUR = Charge(SMALL, 1, 3600 - START_SECONDS, spot=False, region="us-east-1", is_public=False)


def test_an_hour_of_one_vcpu_and_two_gib_costs_what_the_list_says() -> None:
    cost = estimate(HOUR)
    assert cost.amount == pytest.approx(ON_DEMAND_HOUR)
    assert cost.ceiling == cost.amount


def test_a_public_address_is_a_third_of_a_small_spot_worker_and_not_discounted() -> None:
    spot = replace(HOUR, spot=True)
    private, public = estimate(spot), estimate(replace(spot, is_public=True))
    assert public.amount - private.amount == pytest.approx(ADDRESS_HOUR)
    assert public.ceiling - private.ceiling == pytest.approx(ADDRESS_HOUR)
    assert ADDRESS_HOUR / private.amount == pytest.approx(0.34, abs=0.01)
    assert "0.0050 USD of it for public IPv4 addresses" in public.basis
    assert "IPv4" not in private.basis


def test_a_thousand_workers_of_four_minutes_on_spot_have_the_ceiling_of_on_demand() -> None:
    cost = estimate(replace(HOUR, workers=1000, seconds=240, spot=True))
    hours = 1000 * (240 + START_SECONDS) / 3600
    assert cost.ceiling == pytest.approx(hours * ON_DEMAND_HOUR)
    assert cost.amount == pytest.approx(0.3 * cost.ceiling)
    assert "on demand at most 3.84 USD, Spot 70 % off" in cost.basis


def test_a_worker_of_a_second_is_charged_as_a_minute() -> None:
    assert replace(HOUR, seconds=1).hours == pytest.approx(60 / 3600)


def test_every_stored_price_has_a_date_and_a_source() -> None:
    assert len(PRICES) == 14
    assert all(price.date and price.source for price in PRICES.values())
    assert price_in("eu-central-1").vcpu_hour == 0.04656


def test_arm64_costs_a_fifth_less_and_the_basis_says_so() -> None:
    cost = estimate(replace(HOUR, architecture="arm64"))
    assert cost.amount == pytest.approx(0.03238 + 2 * 0.003556)
    assert "prices of us-east-1 on ARM64 of June 2026" in cost.basis
    assert ", less 20 %)" in cost.basis
    unknown = estimate(replace(HOUR, architecture="arm64", region="ap-east-1"))
    assert unknown.amount == cost.amount
    own = replace(PRICES["us-east-1"], vcpu_hour=1.0)
    assert estimate(replace(HOUR, architecture="arm64"), own).amount == cost.amount


def test_a_region_without_a_stored_price_says_whose_was_used() -> None:
    cost = estimate(replace(HOUR, region="ap-east-1"))
    assert cost.price.region == "us-east-1"
    assert "since those of ap-east-1 are not stored" in cost.basis


def test_the_limit_holds_for_the_price_on_demand() -> None:
    assert Cost(0.3, "USD", "", limit=0.5, ceiling=1.0).exceeds_limit
    assert not Cost(0.3, "USD", "", limit=0.5).exceeds_limit
