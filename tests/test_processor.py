"""The baseline of each architecture."""

from __future__ import annotations

import platform

import pytest

from backfleet.processor import BASELINES, baseline
from backfleet.worker.environment import pinned_environment, platform_facts


@pytest.mark.parametrize("machine", ["aarch64", "arm64"])
def test_arm_computes_floats_in_hardware_as_every_processor_of_its_kind_can(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    pinned = pinned_environment()
    assert pinned["NUMBA_CPU_NAME"] == "generic"
    assert pinned["NUMBA_CPU_FEATURES"] == "+neon,+fp-armv8"
    assert pinned["OPENBLAS_CORETYPE"] == "ARMV8"
    assert "SVE" in pinned["NPY_DISABLE_CPU_FEATURES"].split()
    assert platform_facts()["baseline"] is True


def test_an_unknown_architecture_keeps_what_its_libraries_choose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert baseline() is None
    assert pinned_environment()["TZ"] == "UTC"
    assert not {"NUMBA_CPU_NAME", "OPENBLAS_CORETYPE"} & pinned_environment().keys()
    assert platform_facts()["baseline"] is False


def test_all_baselines_name_every_library() -> None:
    names = {frozenset(one.environment) for one in BASELINES.values()}
    assert len(names) == 1
