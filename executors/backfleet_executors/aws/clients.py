"""The one place that makes boto3 clients: region, credentials, retries and time-outs."""

from __future__ import annotations

import difflib
import os
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.errors import aws_errors, explained

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.model import OperationModel
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sts import STSClient

__all__ = ["Clients"]

MAX_ATTEMPTS = 6
MAX_ATTEMPTS_DIGITS = 3
CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
# botocore keeps ten by default; calls from more threads would open new ones each time.
MAX_CONNECTIONS = 32
REGION_VARIABLES = ("AWS_DEFAULT_REGION", "AWS_REGION")


class Clients:
    """The clients of one region, each made when it is first used; threads may share them.

    Parameters
    ----------
    region
        Where None, what AWS_DEFAULT_REGION, AWS_REGION or the profile says.
    total_max_attempts
        How often a request may be sent in all; AWS_MAX_ATTEMPTS wins over the default, not over
        what is given here. With 1 a lost answer is the caller's to look into.

    Raises
    ------
    ExecutorError
        Where the profile or the region is missing or unknown. Nothing is asked of AWS.
    """

    def __init__(self, region: str | None = None, *, total_max_attempts: int | None = None) -> None:
        self.session = _session(region)
        # Checked here: otherwise the first request would fail over an endpoint that does not exist.
        self.region: str = _known_region(self.session)
        self._total_max_attempts = total_max_attempts

    @cached_property
    def batch(self) -> BatchClient:
        return self.session.client("batch", config=self._config())

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return self.session.client("cloudformation", config=self._config())

    @cached_property
    def ec2(self) -> EC2Client:
        return self.session.client("ec2", config=self._config())

    @cached_property
    def ecr(self) -> ECRClient:
        return self.session.client("ecr", config=self._config())

    @cached_property
    def iam(self) -> IAMClient:
        return self.session.client("iam", config=self._config())

    @cached_property
    def kms(self) -> KMSClient:
        return self.session.client("kms", config=self._config())

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return self.session.client("logs", config=self._config())

    @cached_property
    def budgets(self) -> Any:
        return self.session.client("budgets", config=self._config())

    def pricing(self, region: str) -> Any:
        """Return a client of the Price List in a region that has it."""
        return self.session.client("pricing", region_name=region, config=self._config())

    @cached_property
    def s3(self) -> S3Client:
        return self.session.client("s3", config=self._config())

    @cached_property
    def service_quotas(self) -> ServiceQuotasClient:
        return self.session.client("service-quotas", config=self._config())

    @cached_property
    def sts(self) -> STSClient:
        return self.session.client("sts", config=self._config())

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`, ..."""
        return self.session.get_partition_for_region(self.region)

    def account(self) -> str:
        """Return the account's twelve digits. Raises ExecutorError."""
        return self._account

    @cached_property
    def _account(self) -> str:
        with aws_errors("asking AWS whose credentials these are"):
            return self.sts.get_caller_identity()["Account"]

    def _config(self) -> Config:
        from botocore.config import Config

        return Config(
            retries={
                "mode": "standard",
                "total_max_attempts": self._total_max_attempts or _max_attempts(),
            },
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            max_pool_connections=MAX_CONNECTIONS,
        )


def _max_attempts() -> int:
    """Return AWS_MAX_ATTEMPTS. What a Config names wins over it in botocore, so it is read here."""
    # Digits only: `int` would also take signs, blanks and underscores.
    text = os.environ.get("AWS_MAX_ATTEMPTS", str(MAX_ATTEMPTS))
    # Longer numbers cannot be meant, and Python refuses to read the longest.
    if not (text.isdecimal() and len(text) <= MAX_ATTEMPTS_DIGITS and int(text)):
        raise ExecutorError(
            f"AWS_MAX_ATTEMPTS is {text!r}, and must be a whole number from 1 to 999. Correct it, "
            "or unset it"
        )
    return int(text)


def _session(region: str | None) -> Session:
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    # AWS_REGION is what other SDKs and the containers of AWS say; boto3 does not read it.
    named = next(filter(None, [region, *map(os.environ.get, REGION_VARIABLES)]), None)
    try:
        core = get_session()
        # It raises for a profile that does not exist, which would otherwise come up later.
        core.get_scoped_config()
        # All sessions share one loader, and with it what it has read.
        core.register_component("data_loader", _descriptions())
        core.register("after-call", _check_answer)
        return Session(botocore_session=core, region_name=named)
    except BotoCoreError as error:
        raise explained(error, "opening a session with AWS") from error


def _check_answer(**event: Any) -> None:
    """Raise ResponseParserError for a page in the place of JSON."""
    from botocore.parsers import ResponseParserError

    answer: AWSResponse = event["http_response"]
    model: OperationModel = event["model"]
    # botocore does so for XML only. Of anything but JSON it makes an answer without fields, in
    # which a job that was accepted has no id.
    if answer.status_code >= 300 or "json" not in model.service_model.metadata["protocol"]:
        return
    start = answer.content.lstrip()[:1]
    if start not in (b"", b"{"):
        raise ResponseParserError(f"{model.name} was answered by something else than JSON")


@cache
def _descriptions() -> Loader:
    """Return the loader of the descriptions of services, which all sessions share."""
    from botocore.loaders import create_loader

    return create_loader(os.environ.get("AWS_DATA_PATH"))


def _known_region(session: Session) -> str:
    region = session.region_name
    if not region:
        raise ExecutorError(
            "no AWS region is set; set AWS_DEFAULT_REGION, pass --region, or write region = "
            '"..." into [executors.aws-batch] of backfleet.toml'
        )
    partitions = session.get_available_partitions()
    # The list is in botocore's own files; AWS is not asked.
    known = [name for it in partitions for name in session.get_available_regions("batch", it)]
    if region not in known:
        # A region that is spelled almost right is a slip; any other one may be newer than botocore.
        near = difflib.get_close_matches(region, known)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "correct it."
        raise ExecutorError(
            f"{region!r} is not a region in which the installed botocore knows AWS Batch; {hint} "
            "(For a region newer than that: pip install --upgrade boto3)"
        )
    return region
