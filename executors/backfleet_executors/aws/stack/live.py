"""A check of `backfleet doctor --live`: that a stack's bucket lets nothing be overwritten."""

from __future__ import annotations

import secrets

from backfleet.executor import Finding, FindingStatus
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors, error_code

__all__ = ["unconditional_write"]

SUBJECT = "unconditional writes"


def unconditional_write(clients: Clients, store: str) -> Finding:
    """Whether the bucket refuses a chunk that is written without the condition of being the first.

    Parameters
    ----------
    store
        The URL of the stack's store, `s3://bucket/prefix`.

    Raises
    ------
    ExecutorError
        Where S3 does not answer.
    """
    from botocore.exceptions import ClientError

    bucket, _, prefix = store.removeprefix("s3://").partition("/")
    # A path that the policy of the bucket protects like the chunks of a run; no run has this name.
    key = f"{prefix}/doctor-live/chunks/{secrets.token_hex(8)}"
    with aws_errors(f"trying to write s3://{bucket}/{key}"):
        try:
            clients.s3.put_object(Bucket=bucket, Key=key, Body=b"")
        except ClientError as error:
            if error_code(error) == "AccessDenied":
                return Finding(SUBJECT, FindingStatus.OK, f"s3://{bucket} refuses them")
            raise
    text = f"s3://{bucket} took one: a stored chunk could be written over by mistake"
    return Finding(SUBJECT, FindingStatus.WARNING, text, "use the bucket of 'backfleet aws deploy'")
