"""Prints its URL, and ends when its input does.

    python -m aws_server --jobs stock|processes|containers [--slots N] [--registry HOST:PORT]

`stock` mends nothing of moto's.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .batch_api import mend_batch
from .batch_job import Surroundings
from .change_sets import mend_change_sets
from .cloudformation import mend_cloudformation
from .containers import ContainerRunner
from .events import mend_events
from .processes import ProcessRunner
from .registry import mend_registry
from .scheduler import Scheduler
from .serving import LOCK, serve

RUNNERS = {"processes": ProcessRunner, "containers": ContainerRunner}
REGION = "us-east-1"


def main(arguments: Sequence[str]) -> None:
    options = _parse(arguments)
    server = serve()
    url = f"http://127.0.0.1:{server.port}"
    if options.jobs in RUNNERS:
        runner = RUNNERS[options.jobs]()
        mend_batch(Surroundings(runner, Scheduler(options.slots), _job_environment(url), LOCK))
        mend_events()
        mend_cloudformation()
        mend_change_sets()
    if options.registry:
        mend_registry(options.registry)
    print(url, flush=True)
    sys.stdin.read()
    # Nothing has to be kept, and to take moto's world apart takes seconds.
    os._exit(0)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="aws_server")
    parser.add_argument("--jobs", choices=["stock", *RUNNERS], required=True)
    parser.add_argument("--slots", type=int, default=os.cpu_count(), help="jobs at once")
    parser.add_argument("--registry", help="host:port of a registry that stands in for ECR")
    return parser.parse_args(arguments)


def _job_environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        # That of the job role.
        "AWS_ACCESS_KEY_ID": "worker",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


if __name__ == "__main__":
    main(sys.argv[1:])
