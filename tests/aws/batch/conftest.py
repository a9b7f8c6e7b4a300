"""Jobs that run on the stand-in for AWS Batch, and requests that go wrong on their way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

JOB = """
name = "sample"
strategy = "sma-crossover"

[params]
period = {period}

[data]
source = "cn-daily"
path = "{data}"
symbols = ["600519", "600559", "600560"]
timezone = "Asia/Shanghai"

[broker]
cash = 100_000
commission = 0.0002

[results]
store = "{store}"
"""


@pytest.fixture
def options(aws_server: Any) -> list[str]:
    """The executor's settings, as `-o` takes them."""
    values = {
        "queue": aws_server.queue,
        "on_demand_queue": aws_server.on_demand_queue,
        "job_definition": aws_server.job_definition,
        "store": f"s3://{aws_server.bucket}/runs",
        "data": f"s3://{aws_server.bucket}/data",
    }
    return [f"{key}={value}" for key, value in values.items()]


@pytest.fixture
def s3_data(aws_server: Any, sample_data: Path) -> str:
    """The sample stocks on S3."""
    s3 = aws_server.client("s3")
    for file in sample_data.iterdir():
        s3.upload_file(str(file), aws_server.bucket, f"sample/{file.name}")
    return f"s3://{aws_server.bucket}/sample"


@pytest.fixture
def job_file(tmp_path: Path, aws_server: Any, s3_data: str) -> Callable[..., Path]:
    """Write the sample job; its data and its store are on S3."""

    def write(period: str = "15", name: str = "job.toml") -> Path:
        file = tmp_path / name
        store = f"s3://{aws_server.bucket}/runs"
        file.write_text(JOB.format(period=period, data=s3_data, store=store))
        return file

    return write
