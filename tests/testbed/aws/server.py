"""The server as a process, and this process's environment when it uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from backfleet.executor import Submission
from backfleet.sdk import RUN_KEY

__all__ = [
    "CLEANUP",
    "COMPACTION",
    "CURATOR",
    "REGION",
    "SUBMITTER",
    "WORKER",
    "container_variables",
    "reached",
    "served",
    "variables_for",
]

HERE = Path(__file__).parent
REGION = "us-east-1"

WORKER, SUBMITTER, CLEANUP, COMPACTION = "worker", "submitter", "cleanup", "compaction"
CURATOR = "curator"
"""Access keys of roles. That of the tests is `testing`, and may do everything."""


@contextmanager
def served(*options: str, **variables: str) -> Iterator[str]:
    """A server process of its own. The end of its input ends it, also where this one is killed."""
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-m", "aws_server", *options],
        env=os.environ | {"PYTHONPATH": path} | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url, "the server did not start; its error is above"
        yield url
        server.stdin.close()


def variables_for(url: str) -> Mapping[str, str]:
    """The environment of a process that uses the server, and its region and credentials."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def container_variables(submission: Submission, index: int) -> Mapping[str, str]:
    """What a worker's container has in its environment beside what `variables_for` says."""
    return {
        "AWS_ACCESS_KEY_ID": WORKER,
        "AWS_BATCH_JOB_ARRAY_INDEX": str(index),
        RUN_KEY: submission.run_key,
    }


@contextmanager
def reached(url: str, access_key: str = "testing") -> Iterator[Mapping[str, str]]:
    """Point this process and its children to the server, and to nothing else of AWS."""
    variables = {**variables_for(url), "AWS_ACCESS_KEY_ID": access_key}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables
