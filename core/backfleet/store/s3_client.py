"""The S3 client: one for a process, its region and its credentials, made when it is first needed.

The region is the one that the executor in use is set to, otherwise that of the settings file,
otherwise that of the environment or the profile. A bucket of another partition (China, GovCloud) is
out of reach of the endpoints of the default region.
"""

from __future__ import annotations

import os
import threading
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from backfleet.errors import StoreError

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

__all__ = ["SETTINGS_FILE", "s3_client", "use_region"]

SETTINGS_FILE = "backfleet.toml"
"""Its tables `[executors.<name>]` hold the settings of executors."""

DEFAULT_ATTEMPTS = 6
CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
# More than any pool of reading threads has, so that no thread waits for a connection.
MAX_CONNECTIONS = 32

_lock = threading.Lock()
_chosen_region: str | None = None


def use_region(region: str | None) -> None:
    """Set the region of S3 for this process, whatever the settings file and the environment say.

    None removes the setting.
    """
    global _chosen_region
    _chosen_region = region


def s3_client() -> S3Client:
    """Return the client for the current `AWS_` variables: threads share it, forks do not.

    Raises StoreError if a variable has an impossible value, and botocore's error if a profile is
    missing.
    """
    # The variables are part of the cache's key, because tests and notebooks change them in a
    # running process.
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    # botocore itself reads AWS_DEFAULT_REGION only.
    region = _chosen_region or _region_of_settings() or os.environ.get("AWS_REGION")
    # One thread creates the client, and the others get it from the cache: that takes 0.2 s, and
    # sessions of boto3 are not thread-safe. Clients are.
    with _lock:
        return _connect(settings, region)


@lru_cache(maxsize=4)
def _connect(settings: tuple[tuple[str, str], ...], region: str | None) -> S3Client:
    # Importing boto3 and making a client take 0.2 s, which a run in a directory need not pay.
    from boto3.session import Session

    try:
        # An own session: the default one is shared with the user's code, which may change it.
        return Session(region_name=region).client("s3", config=_config())
    except ValueError as error:
        raise StoreError(
            f"S3 cannot be used as it is set up: {error}; check the variables AWS_ENDPOINT_URL, "
            "AWS_DEFAULT_REGION and AWS_MAX_ATTEMPTS"
        ) from error


def _region_of_settings() -> str | None:
    """Return the region in the settings file of the current folder; None without one."""
    try:
        # Absolute: the cache must not mix up folders.
        file = Path(SETTINGS_FILE).absolute()
        return _read_region(file, file.stat().st_mtime_ns)
    # Most folders have no settings file.
    except OSError:
        return None


@lru_cache(maxsize=4)
def _read_region(file: Path, _modified: int) -> str | None:
    try:
        executors = tomllib.loads(file.read_text(encoding="utf-8")).get("executors")
    except ValueError:
        # Opening an executor reports it.
        return None
    tables = executors.values() if isinstance(executors, dict) else ()
    regions = (table.get("region") for table in tables if isinstance(table, dict))
    return next((region for region in regions if isinstance(region, str) and region), None)


def _config() -> Config:
    from botocore.config import Config

    # A setting in code would hide the user's variable.
    attempts = int(os.environ.get("AWS_MAX_ATTEMPTS", DEFAULT_ATTEMPTS))
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        max_pool_connections=MAX_CONNECTIONS,
    )


def _forget() -> None:
    """Drop the client in a forked child."""
    # Two processes on one connection would read each other's answers.
    global _lock
    # Another thread may have held the lock during the fork, and would never release it here.
    _lock = threading.Lock()
    _connect.cache_clear()


os.register_at_fork(after_in_child=_forget)
