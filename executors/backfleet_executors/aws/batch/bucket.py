"""The region of a bucket, which must be that of the jobs."""

from __future__ import annotations

from backfleet_executors.aws.clients import Clients

__all__ = ["bucket_region"]


def bucket_region(clients: Clients, bucket: str) -> str:
    """Return the region of a bucket; empty if these credentials cannot know it."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = clients.s3.head_bucket(Bucket=bucket)
    except (ClientError, BotoCoreError):
        # Reading or writing it says what is wrong.
        return ""
    return answer.get("BucketRegion", "")
