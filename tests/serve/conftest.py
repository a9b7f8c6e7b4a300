"""A server over a store, in a thread, asked over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from http_server import Served, rows_of, serving
from sample_job import job_of


@pytest.fixture
def rows() -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    """The rows of a table's data block."""
    return rows_of


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Serve a store; the other arguments are those of `serving`."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(serving(*arguments, **options))


@pytest.fixture(scope="session")
def make_job() -> Callable[..., bf.Job]:
    """A job on the sample data with a store, other keys as given."""
    return partial(job_of, name="sma")


@pytest.fixture(scope="session")
def finished(
    make_job: Callable[..., bf.Job], tmp_path_factory: pytest.TempPathFactory
) -> tuple[bf.Run, bf.Run]:
    """Two finished runs in one store; they must stay as they are."""
    store = tmp_path_factory.mktemp("served")
    first = bf.run(make_job(store), progress=None)
    return first, bf.run(make_job(store, name="other", params={"period": [15, 20]}), progress=None)


@pytest.fixture(scope="session")
def store_url(finished: tuple[bf.Run, bf.Run]) -> str:
    """The store of the two finished runs."""
    return str(Path(finished[0].url).parent)
