"""`doctor --live` sees whether the results bucket lets what is stored be written over."""

from __future__ import annotations

import pytest

from backfleet.executor import FindingStatus
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.live import unconditional_write
from testbed.aws.deployment import AwsServer


def test_a_bucket_without_the_policy_is_warned_of(aws_bucket: str) -> None:
    finding = unconditional_write(Clients(), f"s3://{aws_bucket}/runs")
    assert finding.status is FindingStatus.WARNING
    assert "backfleet aws deploy" in finding.fix


def test_a_bucket_that_refuses_is_fine(aws_server: AwsServer) -> None:
    finding = unconditional_write(Clients(), f"s3://{aws_server.bucket}/runs")
    assert finding.status is FindingStatus.OK


@pytest.mark.parametrize("store", ["s3://no-such-bucket-of-mine/runs"])
def test_a_missing_bucket_is_an_error(aws_server: AwsServer, store: str) -> None:
    from backfleet.errors import ExecutorError

    with pytest.raises(ExecutorError, match="trying to write"):
        unconditional_write(Clients(), store)
