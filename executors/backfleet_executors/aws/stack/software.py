"""What a notebook installs when it starts: backfleet as it is here, and the executor's settings."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.notebook import LAST, SOFTWARE
from backfleet_executors.aws.stack.settings_file import write_settings
from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["upload_software"]


def upload_software(clients: Clients, stack: Stack, settings: Mapping[str, str]) -> None:
    """Put wheels and settings where the notebook of the stack waits for them.

    Raises ExecutorError.
    """
    from backfleet_executors.images.parts import collect_parts

    bucket = stack.outputs["ResultsBucket"]
    with tempfile.TemporaryDirectory(prefix="backfleet-software-") as folder:
        wheels = collect_parts([], Path(folder)).code
        last = Path(folder, LAST)
        write_settings(last, settings)
        with aws_errors(f"uploading backfleet to s3://{bucket}/{SOFTWARE}"):
            for file in (*wheels, last):
                clients.s3.put_object(
                    Bucket=bucket, Key=f"{SOFTWARE}/{file.name}", Body=file.read_bytes()
                )
