"""The executor aws-batch passes what every executor must, against the stand-in for AWS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backfleet.plan.code import distribution_hashes
from backfleet.testing import ExecutorConformance
from backfleet_executors.images.inventory import record_inventory

pytestmark = pytest.mark.testbed


class TestAwsBatch(ExecutorConformance):
    executor = "aws-batch"
    patience = 120.0

    @pytest.fixture(autouse=True)
    def _deployment(self, aws_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Settings of a deployment whose workers hold what is installed here."""
        digest = f"sha256:{2:064}"
        record_inventory(digest, distribution_hashes(["backfleet", "backtrader"]))
        aws_server.register(aws_server.job_definition, image=f"backfleet@{digest}")
        self.bucket = aws_server.bucket
        settings = {
            "region": aws_server.region,
            "queue": aws_server.queue,
            "on_demand_queue": aws_server.on_demand_queue,
            "job_definition": aws_server.job_definition,
            "store": f"s3://{aws_server.bucket}/runs",
            "data": f"s3://{aws_server.bucket}/data",
            "log_group": aws_server.log_group,
            "image": f"backfleet@{digest}",
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"BACKFLEET_AWS_BATCH_{name.upper()}", value)

    def store(self, tmp_path: Path) -> str:
        return f"s3://{self.bucket}/{tmp_path.name}"
