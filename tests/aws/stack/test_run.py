"""Two commands from an empty account to results, and results that outlive the stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backfleet.code.hashes import distribution_hashes
from backfleet_executors.images.inventory import record_inventory

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
DIGEST = "sha256:" + "5" * 64


def final_values(done: Any) -> dict[str, float]:
    """Symbols to final values, of a command that printed rows as JSON."""
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    return {row["symbol"]: round(row["final_value"], 2) for row in rows}


def test_a_job_runs_on_what_deploy_has_made_and_its_results_outlive_it(
    aws_command: Callable[..., Any], backfleet: Callable[..., Any], sample_job: Path
) -> None:
    # Workers are processes here, and their image is said to hold what is installed.
    record_inventory(DIGEST, distribution_hashes(["backfleet", "backtrader"]))
    image = f"registry.example.com/backfleet@{DIGEST}"
    assert aws_command("deploy", "--yes", "--image", image).error is None
    store = aws_command("status", "--json").json["settings"]["store"]
    done = backfleet("run", sample_job, "--executor", "aws-batch", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout.splitlines()[-1])["run_id"]
    assert final_values(backfleet("results", f"{store}/{run}", "--format", "json")) == GOLDEN
    assert aws_command("destroy", "--yes").error is None
    assert final_values(backfleet("results", f"{store}/{run}", "--format", "json")) == GOLDEN
