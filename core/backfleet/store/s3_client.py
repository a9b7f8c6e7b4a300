"""The S3 client: one for a process and its credentials, made when it is first needed."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from backfleet.errors import StoreError

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

__all__ = ["s3_client"]

ATTEMPTS = 6
CONNECT_TIMEOUT = 10
READ_TIMEOUT = 60
CONNECTIONS = 32

_lock = threading.Lock()


def s3_client() -> S3Client:
    """The client for what the `AWS_` variables say now: threads share it, forks do not.

    Raises StoreError where a variable has an impossible value, and botocore's error where a profile
    is missing.
    """
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    with _lock:
        return _connect(settings)


@lru_cache(maxsize=4)
def _connect(settings: tuple[tuple[str, str], ...]) -> S3Client:
    # Importing boto3 and making a client take 0.2 s, which a run in a directory need not pay.
    from boto3.session import Session

    try:
        return Session().client("s3", config=_config())
    except ValueError as error:
        raise StoreError(
            f"S3 cannot be used as it is set up: {error}; check the variables AWS_ENDPOINT_URL, "
            "AWS_DEFAULT_REGION and AWS_MAX_ATTEMPTS"
        ) from error


def _config() -> Config:
    from botocore.config import Config

    # A setting in code would hide the user's variable.
    attempts = int(os.environ.get("AWS_MAX_ATTEMPTS", ATTEMPTS))
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=CONNECTIONS,
    )


def _forget() -> None:
    """In a forked child: two processes on one connection would read each other's answers."""
    global _lock
    _lock = threading.Lock()
    _connect.cache_clear()


os.register_at_fork(after_in_child=_forget)
