"""The engines, each in turn."""

from __future__ import annotations

import pytest

from backfleet.engine import Engine
from engine_tasks import ENGINES


@pytest.fixture(scope="session", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """One of the engines; a test that asks for it runs once per engine."""
    return ENGINES[request.param]
