"""Workers in real containers, locked as the stack's job definition locks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.runs.run import Run
from stored_rows import stored_rows
from testbed.aws.deployment import AwsServer

pytestmark = pytest.mark.testbed

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
ODD = Path(__file__).parent / "strategies" / "odd.py"


@pytest.fixture
def run_in_containers(
    aws_server_with_containers: AwsServer, tmp_path: Path, sample_data: Path
) -> Callable[..., tuple[Run, bf.Job]]:
    """Run a strategy over the sample stocks; the run, and its job for a store of this machine."""
    server = aws_server_with_containers
    settings = server.settings | {"image": server.image}

    def run(strategy: str, params: Mapping[str, Any]) -> tuple[Run, bf.Job]:
        job = bf.Job(
            strategy=strategy,
            params=params,
            data={
                "source": "cn-daily",
                "path": str(sample_data),
                "symbols": list(GOLDEN),
                "timezone": "Asia/Shanghai",
            },
            broker={"cash": 100_000, "commission": 0.0002},
            results={"store": str(tmp_path / "runs")},
        )
        options = [f"{key}={value}" for key, value in settings.items()]
        return bf.run(job, "aws-batch", [*options, "workers=2"], progress=None), job

    return run


def test_fault_25_a_read_only_root_and_another_user_are_enough_for_the_golden_numbers(
    run_in_containers: Callable[..., tuple[Run, bf.Job]],
) -> None:
    run, job = run_in_containers("sma-crossover", {"period": 15})
    local = bf.run(job, progress=None)
    frame = run.results()

    assert dict(zip(frame["symbol"], frame["final_value"].round(2), strict=True)) == GOLDEN
    assert run.id == local.id
    assert stored_rows(run) == stored_rows(local)
    assert [dict(header.blobs) for header in run.chunk_index.headers()] == [
        dict(header.blobs) for header in local.chunk_index.headers()
    ]


def test_fault_18_a_task_that_eats_its_containers_memory_costs_itself_alone(
    run_in_containers: Callable[..., tuple[Run, bf.Job]],
) -> None:
    run, _ = run_in_containers(f"{ODD}:Odd", {"mode": "greedy", "period": [5, 6]})
    frame = run.results()
    killed = frame[frame["error"].notna()]

    assert run.summary().missing == 0
    assert set(killed["period"]) == {6}
    assert all(text.startswith(("TaskOutOfMemory", "TaskKilled")) for text in killed["error"])
