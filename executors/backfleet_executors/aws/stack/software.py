"""Software that a notebook installs when it starts: this backfleet, and the executor's settings."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.notebook import LAST, PINS, PYTHON, WHEELS
from backfleet_executors.aws.stack.settings_file import write_settings
from backfleet_executors.aws.stack.stacks import Stack
from backfleet_executors.aws.stack.storage import SOFTWARE

if TYPE_CHECKING:
    from backfleet_executors.images.parts import Parts

__all__ = ["upload_software"]


def upload_software(clients: Clients, stack: Stack, settings: Mapping[str, str]) -> None:
    """Put wheels and settings where the notebook of the stack waits for them.

    Raises ExecutorError.
    """
    from backfleet_executors.images.parts import collect_parts

    bucket = stack.outputs["ResultsBucket"]
    with tempfile.TemporaryDirectory(prefix="backfleet-software-") as folder:
        parts = collect_parts([], Path(folder))
        files = [*parts.code, *_write_lists(Path(folder), parts)]
        last = Path(folder, LAST)
        write_settings(last, settings)
        with aws_errors(f"uploading backfleet to s3://{bucket}/{SOFTWARE}"):
            # The notebook waits for the last file, and then expects all others.
            for file in (*files, last):
                clients.s3.put_object(
                    Bucket=bucket, Key=f"{SOFTWARE}/{file.name}", Body=file.read_bytes()
                )


def _write_lists(folder: Path, parts: Parts) -> list[Path]:
    """Write what the notebook installs: the versions that an image built here holds."""
    texts = {
        PINS: "".join(f"{name}=={version}\n" for name, version in sorted(parts.pins.items())),
        WHEELS: "".join(f"./{wheel.name}\n" for wheel in sorted(parts.code)),
        PYTHON: ".".join(platform.python_version_tuple()[:2]),
    }
    for name, text in texts.items():
        Path(folder, name).write_text(text, encoding="utf-8")
    return [Path(folder, name) for name in texts]
