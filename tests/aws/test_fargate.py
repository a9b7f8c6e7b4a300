"""A job's resources become the nearest size that Fargate has, or an error with what to lower."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.errors import ExecutorError
from backfleet_executors.aws.fargate import SIZES, FargateSize, nearest_size

GIB = 2**30
ALL = [FargateSize(vcpus, memory) for vcpus, choices in SIZES.items() for memory in choices]


def test_every_size_is_one_that_the_batch_api_describes() -> None:
    """botocore's own words name each amount of memory and the vCPUs that go with it."""
    import botocore.session

    model = botocore.session.get_session().get_service_model("batch")
    shape: Any = model.shape_for("ResourceRequirement")
    text = re.sub(r"<[^>]+>", " ", shape.members["value"].documentation)
    plain = " ".join(text.split())
    described: set[tuple[float, int]] = set()
    for values, vcpus in re.findall(r"value = ([\d, or]+?) VCPU = ([\d., or]+)", plain):
        for memory in map(int, re.findall(r"\d+", values)):
            described |= {(float(vcpu), memory) for vcpu in re.findall(r"\d*\.?\d+", vcpus)}
    assert {(size.vcpus, size.memory) for size in ALL} <= described


@pytest.mark.parametrize(
    ("cpus", "memory", "size"),
    [
        (1, 2 * GIB, FargateSize(1, 2048)),
        (1, 2 * GIB + 1, FargateSize(1, 3072)),
        (1, 12 * GIB, FargateSize(2, 12288)),
        (3, GIB, FargateSize(4, 8192)),
        (8, 17 * GIB, FargateSize(8, 20480)),
        (0.25, 512 * 2**20, FargateSize(0.25, 512)),
        (16, 120 * GIB, FargateSize(16, 122880)),
    ],
)
def test_the_nearest_size_that_fits_is_taken(cpus: float, memory: int, size: FargateSize) -> None:
    assert nearest_size(cpus, memory) == size


@given(st.floats(0.1, 32), st.integers(1, 244 * GIB))
def test_no_smaller_size_would_do(cpus: float, memory: int) -> None:
    nearest = nearest_size(cpus, memory)
    fitting = [size for size in ALL if size.vcpus >= cpus and size.memory * 2**20 >= memory]
    assert nearest == min(fitting)


def test_too_many_cpus_are_refused_with_what_to_lower() -> None:
    with pytest.raises(ExecutorError, match=r"33 CPUs.*32 vCPU and 244 GiB.*resources\.cpus to 32"):
        nearest_size(33, GIB)


def test_too_much_memory_is_refused_with_what_to_lower() -> None:
    with pytest.raises(ExecutorError, match=r"245 GiB.*resources\.memory to 244 GiB"):
        nearest_size(1, 245 * GIB)
