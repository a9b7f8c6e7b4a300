"""Two commands from an empty account to results, and results that outlive the stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backfleet.code.hashes import distribution_hashes
from backfleet.sdk import read_record
from backfleet.store import open_store
from backfleet_executors.images.inventory import IMAGE, ImageRecord, remember_record

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
DIGEST = "sha256:" + "5" * 64


def final_values(done: Any) -> dict[str, float]:
    """Symbols to final values, of a command that printed rows as JSON."""
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    return {row["symbol"]: round(row["final_value"], 2) for row in rows}


def pushed_from_here() -> str:
    """Return an image that holds what is installed; workers are processes here."""
    inventory = distribution_hashes(["backfleet", "backtrader"])
    remember_record(DIGEST, ImageRecord(inventory, "amd64"))
    return f"registry.example.com/backfleet@{DIGEST}"


@pytest.fixture
def other_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have this process and its children go on with an empty cache and without Docker."""

    def change() -> None:
        monkeypatch.setenv("BACKFLEET_CACHE", str(tmp_path / "empty"))
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    return change


def test_a_new_run_starts_on_a_machine_that_has_neither_the_image_nor_its_cache(
    aws_command: Callable[..., Any],
    backfleet: Callable[..., Any],
    sample_job: Path,
    other_machine: Callable[[], None],
) -> None:
    assert aws_command("deploy", "--yes", "--image", pushed_from_here()).error is None
    other_machine()
    done = backfleet("run", sample_job, "--executor", "aws-batch", "--json")
    assert done.returncode == 0, done.stderr
    url = json.loads(done.stdout.splitlines()[-1])["store"]
    assert final_values(backfleet("results", url, "--format", "json")) == GOLDEN


def test_deploy_records_an_image_once_and_refuses_another_inventory_of_it(
    aws_command: Callable[..., Any],
) -> None:
    image = pushed_from_here()
    assert aws_command("deploy", "--yes", "--image", image).error is None
    bucket = aws_command("status", "--json").json["outputs"]["ResultsBucket"]
    key = f"images/{DIGEST.removeprefix('sha256:')}.json"
    record = read_record(open_store(f"s3://{bucket}"), key, ImageRecord, IMAGE)
    assert record.inventory == distribution_hashes(["backfleet", "backtrader"])
    remember_record(DIGEST, ImageRecord({"backfleet": "0" * 64}, "amd64"))
    error = aws_command("deploy", "--yes", "--keep-image").error
    assert f"s3://{bucket}/{key} has another inventory" in str(error)


def test_a_deployment_keeps_an_image_whose_record_says_that_it_holds_the_code_here(
    aws_command: Callable[..., Any], other_machine: Callable[[], None]
) -> None:
    assert aws_command("deploy", "--yes", "--image", pushed_from_here()).error is None
    other_machine()
    answer = aws_command("deploy", "--yes")
    assert answer.error is None
    assert "other code" not in answer.output


def test_deploy_warns_of_an_image_that_nobody_has_recorded(
    aws_command: Callable[..., Any],
    backfleet: Callable[..., Any],
    sample_job: Path,
    image: str,
    other_machine: Callable[[], None],
) -> None:
    other_machine()
    answer = aws_command("deploy", "--yes", "--image", image)
    assert answer.error is None
    assert "has no record of it and new runs are refused" in answer.output
    done = backfleet("run", sample_job, "--executor", "aws-batch")
    assert done.returncode == 2
    assert f"the inventory of the image {image} is not known" in done.stderr


def test_a_job_runs_on_what_deploy_has_made_and_its_results_outlive_it(
    aws_command: Callable[..., Any], backfleet: Callable[..., Any], sample_job: Path
) -> None:
    image = pushed_from_here()
    assert aws_command("deploy", "--yes", "--image", image).error is None
    store = aws_command("status", "--json").json["settings"]["store"]
    done = backfleet("run", sample_job, "--executor", "aws-batch", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout.splitlines()[-1])["run_id"]
    assert final_values(backfleet("results", f"{store}/{run}", "--format", "json")) == GOLDEN
    assert aws_command("destroy", "--yes").error is None
    assert final_values(backfleet("results", f"{store}/{run}", "--format", "json")) == GOLDEN
