"""Two commands from an empty account to results, and results that outlive the stack."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backfleet.code.hashes import distribution_hashes
from backfleet.sdk import read_record
from backfleet.store import open_store
from backfleet_executors.images.inventory import IMAGE, ImageRecord, remember_record
from sample_job import SAMPLE_DATA

ROOT = Path(__file__).parents[3]
STRATEGY = """
import backtrader as bt


class MyStrategy(bt.Strategy):
    params = (("maperiod", 15),)

    def __init__(self):
        self.sma = bt.indicators.SimpleMovingAverage(self.data.close, period=self.p.maperiod)
        self.order = None

    def notify_order(self, order):
        if not order.alive():
            self.order = None

    def next(self):
        if self.order:
            return
        if not self.position and self.data.close[0] > self.sma[0]:
            self.order = self.buy(size=int(self.broker.getcash() / self.data.close[0]))
        elif self.position and self.data.close[0] < self.sma[0]:
            self.order = self.close()
"""
"""As the article has it."""

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
DIGEST = "sha256:" + "5" * 64


def final_values(done: subprocess.CompletedProcess[str]) -> dict[str, float]:
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


def written(page: str, command: str) -> str:
    """Return a command if the page has it, alone in a line or between backticks."""
    pattern = rf"(^|`){re.escape(command)}(`|\s*(#.*)?$)"
    assert re.search(pattern, page, re.M), f"the page has no {command}"
    return command


def test_the_article_s_page_is_walked_on_a_machine_without_the_image_and_its_cache(
    aws_command: Callable[..., Any],
    backfleet: Callable[..., Any],
    other_machine: Callable[[], None],
    tmp_path: Path,
) -> None:
    page = (ROOT / "docs" / "from-the-article.md").read_text(encoding="utf-8")
    assert written(page, "backfleet aws deploy")
    assert aws_command("deploy", "--yes", "--image", pushed_from_here()).error is None
    other_machine()
    shutil.copytree(SAMPLE_DATA, tmp_path / "data_source")
    (job,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / "job.toml").write_text(job)
    (tmp_path / "my_strategy.py").write_text(STRATEGY)
    url = ""
    for command in (
        "backfleet data check data_source --source cn-daily --timezone Asia/Shanghai",
        "backfleet run job.toml --executor aws-batch",
        "backfleet wait RUN",
        "backfleet logs RUN",
        "backfleet resume RUN",
        "backfleet results RUN",
    ):
        words = written(page, command).replace("RUN", url).split()[1:]
        more = {"run": ["--json"], "results": ["--format", "json"]}.get(words[0], [])
        done = backfleet(*words, *more)
        assert done.returncode == 0, done.stderr
        if words[0] == "run":
            url = json.loads(done.stdout.splitlines()[-1])["store"]
            assert url.startswith("s3://")
    assert final_values(done) == GOLDEN


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
