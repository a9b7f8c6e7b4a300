"""A run's price is worked out as AWS bills it, and says what it stands on."""

from __future__ import annotations

import pytest

from backfleet_executors.aws.fargate import FargateSize
from backfleet_executors.aws.prices import cost_of, estimate

SMALL = FargateSize(1, 2048)
ON_DEMAND_HOUR = 0.04048 + 2 * 0.004445


def test_an_hour_of_one_vcpu_and_two_gib_costs_what_the_list_says() -> None:
    cost = estimate(SMALL, 3600, 1, spot=False, region="us-east-1")
    assert cost.dollars == pytest.approx(ON_DEMAND_HOUR)
    assert (cost.vcpu_hours, cost.gb_hours) == (1, 2)
    assert cost.at_most == cost.dollars


def test_a_thousand_shards_of_four_minutes_on_spot() -> None:
    cost = estimate(SMALL, 240, 1000, spot=True, region="us-east-1")
    assert cost.at_most == pytest.approx(1000 * 240 / 3600 * ON_DEMAND_HOUR)
    assert cost.dollars == pytest.approx(0.3 * cost.at_most)
    assert str(cost).startswith("$0.99 (at most $3.29): ")


def test_a_shard_of_a_second_is_charged_as_a_minute() -> None:
    short = estimate(SMALL, 1, 10, spot=False, region="us-east-1")
    minute = estimate(SMALL, 60, 10, spot=False, region="us-east-1")
    assert short == minute
    assert cost_of(SMALL, [1] * 10, spot=False, region="us-east-1") == minute


def test_what_shards_have_cost_follows_from_the_seconds_of_each() -> None:
    cost = cost_of(SMALL, [30, 3600], spot=False, region="us-east-1")
    assert cost.vcpu_hours == pytest.approx((60 + 3600) / 3600)


def test_a_region_without_a_stored_price_says_whose_was_used() -> None:
    cost = estimate(SMALL, 3600, 1, spot=False, region="ap-east-1")
    assert cost.price.region == "us-east-1"
    assert "us-east-1 of March 2026, for want of those of ap-east-1" in cost.basis
