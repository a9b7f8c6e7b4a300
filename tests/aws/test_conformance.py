"""The executor aws-batch passes what every executor must, against the stand-in for AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

from backfleet.testing import ExecutorConformance
from testbed.aws.deployment import AwsServer

pytestmark = pytest.mark.testbed


class TestAwsBatch(ExecutorConformance):
    executor = "aws-batch"
    patience = 120.0

    @pytest.fixture(autouse=True)
    def _deployment(self, aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Settings of a deployment whose workers hold what is installed here."""
        settings = aws_server.settings | {"image": aws_server.known_image()}
        self.bucket = aws_server.bucket
        for name, value in settings.items():
            monkeypatch.setenv(f"BACKFLEET_AWS_BATCH_{name.upper()}", value)

    def store(self, tmp_path: Path) -> str:
        return f"s3://{self.bucket}/runs/{tmp_path.name}"
