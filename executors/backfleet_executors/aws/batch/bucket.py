"""The region of a bucket, which must be that of the jobs."""

from __future__ import annotations

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors

__all__ = ["bucket_region"]


def bucket_region(clients: Clients, bucket: str) -> str:
    """Return the region of a bucket; empty if these credentials cannot know it."""
    try:
        with aws_errors(f"looking at the bucket {bucket}"):
            answer = clients.s3.head_bucket(Bucket=bucket)
    except ExecutorError:
        # Reading or writing it says what is wrong.
        return ""
    return answer.get("BucketRegion", "")
