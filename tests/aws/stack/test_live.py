"""`doctor --live` sees whether the results bucket lets what is stored be written over."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.client import BaseClient

from backfleet.executor import FindingStatus
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.live import unconditional_write


def test_a_bucket_without_the_policy_is_warned_of(aws_server: Any) -> None:
    finding = unconditional_write(Clients(), f"s3://{aws_server.bucket}/runs")
    assert finding.status is FindingStatus.WARNING
    assert "backfleet aws deploy" in finding.fix


def test_a_bucket_that_refuses_is_fine(aws_server: Any) -> None:
    # The stand-in keeps no bucket policies: the answer is changed on its way back.
    clients = Clients()
    client: BaseClient = clients.s3

    def refuse(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
        http_response.status_code = 403
        parsed["Error"] = {"Code": "AccessDenied", "Message": "Access Denied"}

    client.meta.events.register("after-call.s3.PutObject", refuse)
    finding = unconditional_write(clients, f"s3://{aws_server.bucket}/runs")
    assert finding.status is FindingStatus.OK


@pytest.mark.parametrize("store", ["s3://no-such-bucket-of-mine/runs"])
def test_a_missing_bucket_is_an_error(aws_server: Any, store: str) -> None:
    from backfleet.errors import ExecutorError

    with pytest.raises(ExecutorError, match="trying to write"):
        unconditional_write(Clients(), store)
