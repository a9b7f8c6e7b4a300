"""The base of an image is looked at before anything is built."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.images.build import (
    BASE_IMAGE,
    PYTHON,
    BuildRequest,
    prepare_base,
    requirements,
)
from backfleet_executors.images.wheels import build_wheel
from engine_stand_in import EngineStandIn, image_facts

if TYPE_CHECKING:
    from docker import APIClient

AMD64 = BuildRequest(base="base", platform="linux/amd64")


def prepared(engine: EngineStandIn, request: BuildRequest = AMD64) -> str:
    image = prepare_base(cast("APIClient", engine), request, lambda line: None)
    architecture: str = image.facts["Architecture"]
    return architecture


def test_a_base_that_the_engine_has_is_not_pulled() -> None:
    engine = EngineStandIn({"base": image_facts("amd64", f"{PYTHON}.1")})
    assert prepared(engine) == "amd64"
    assert engine.pulls == []


def test_a_base_of_another_platform_is_pulled_for_the_one_that_is_built() -> None:
    engine = EngineStandIn({"base": image_facts("arm64")}, {"base": image_facts("amd64")})
    assert prepared(engine) == "amd64"
    assert engine.pulls == ["linux/amd64"]


def test_a_base_that_is_there_for_another_platform_only_is_refused() -> None:
    engine = EngineStandIn(registry={"base": image_facts("arm64")})
    with pytest.raises(ExecutorError, match=r"for linux/arm64, .* built for linux/amd64.*--base"):
        prepared(engine)


def test_without_a_platform_the_base_decides() -> None:
    assert prepared(EngineStandIn({"base": image_facts("arm64")}), BuildRequest(base="base")) == (
        "arm64"
    )
    assert f"python:{PYTHON}-slim" == BASE_IMAGE


def test_an_engine_that_cannot_run_programs_of_the_platform_is_refused_before_the_build() -> None:
    request = BuildRequest(base="base", platform="linux/arm64")
    engine = EngineStandIn({"base": image_facts("arm64")})
    assert prepared(engine, request) == "arm64"
    engine.runs = ("amd64",)
    with pytest.raises(ExecutorError, match=r"runs on amd64 and cannot run .* of linux/arm64"):
        prepared(engine, request)


def test_a_base_with_another_python_is_refused_before_its_wheels_do_not_fit() -> None:
    engine = EngineStandIn({"base": image_facts("amd64", "3.8.20")})
    with pytest.raises(ExecutorError, match=r"has Python 3[.]8[.]20, and backfleet runs on 3[.]"):
        prepared(engine)


def test_a_base_that_nobody_has_is_named() -> None:
    with pytest.raises(ExecutorError, match="base image base is not there and cannot be pulled"):
        prepared(EngineStandIn())


def test_pip_is_told_the_version_and_the_hash_of_each_wheel(project: Path, tmp_path: Path) -> None:
    wheel = build_wheel(project, tmp_path)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()

    assert requirements([wheel]) == [f"acme-images==1.5 --hash=sha256:{digest}"]
