"""The executor `docker` passes what every executor must."""

from __future__ import annotations

import pytest

from backfleet.testing import ExecutorConformance

pytestmark = [pytest.mark.testbed]


@pytest.fixture(autouse=True)
def _image(worker_image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKFLEET_DOCKER_IMAGE", worker_image)


class TestDocker(ExecutorConformance):
    executor = "docker"
