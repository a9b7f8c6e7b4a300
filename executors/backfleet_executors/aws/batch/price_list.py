"""The price of Fargate in a region, from the AWS Price List."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.prices import Price

__all__ = ["look_up_price"]

ENDPOINTS: Mapping[str, str] = {"aws-cn": "cn-northwest-1"}
"""Region of the Price List by partition."""

DEFAULT_ENDPOINT = "us-east-1"

# To the end: `Fargate-Windows-...` and `SpotUsage-Fargate-...` exist, too.
_VCPU = r"([A-Z0-9]+-)?Fargate-{}vCPU-Hours:perCPU"
_MEMORY = r"([A-Z0-9]+-)?Fargate-{}GB-Hours"
_KINDS: Mapping[str, str] = {"amd64": "", "arm64": "ARM-"}


def look_up_price(clients: Clients, architecture: str) -> Price:
    """Return the price of Linux on demand. Raises ExecutorError."""
    products = list(_products(clients))
    vcpu, memory = (
        _hourly(products, re.compile(usage.format(_KINDS[architecture])))
        for usage in (_VCPU, _MEMORY)
    )
    # Amounts in two currencies cannot be added up.
    if vcpu is None or memory is None or vcpu[1] != memory[1]:
        raise ExecutorError(
            f"the AWS Price List has no price of Fargate on {architecture} in {clients.region}; "
            "write one into [executors.aws-batch.price] of backfleet.toml: region, vcpu_hour, "
            "gb_hour, date, source and architecture"
        )
    dates = (product.get("publicationDate", "") for product in products)
    # An ISO timestamp, so that the day is its first ten characters and the newest one the greatest.
    date = max(dates, default="")[:10] or "an unknown date"
    return Price(clients.region, vcpu[0], memory[0], date, "AWS Price List", vcpu[1], architecture)


def _products(clients: Clients) -> Iterator[Mapping[str, Any]]:
    # Few regions have an endpoint of the Price List.
    endpoint = ENDPOINTS.get(clients.partition, DEFAULT_ENDPOINT)
    pages = clients.pricing(endpoint).get_paginator("get_products")
    filters = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": clients.region}]
    doing = "reading the AWS Price List, which needs pricing:GetProducts"
    with aws_errors(doing):
        for page in pages.paginate(
            ServiceCode="AmazonECS", FormatVersion="aws_v1", Filters=filters
        ):
            yield from map(json.loads, page["PriceList"])


def _hourly(
    products: Sequence[Mapping[str, Any]], usage: re.Pattern[str]
) -> tuple[float, str] | None:
    """Return the price on demand of the product with this usage type, and its currency."""
    for product in products:
        name = product.get("product", {}).get("attributes", {}).get("usagetype", "")
        # The prefix of the region varies, and Windows, ARM and Spot only differ before or after it.
        if not usage.fullmatch(name):
            continue
        for term in product.get("terms", {}).get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                for currency, amount in dimension["pricePerUnit"].items():
                    return float(amount), currency
    return None
