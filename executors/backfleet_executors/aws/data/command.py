"""`backfleet data`: files of bars checked, prepared, listed, and pushed to S3."""

from __future__ import annotations

import click

from backfleet_executors.aws.data.source_commands import check_command, import_command
from backfleet_executors.aws.data.transfer_commands import list_command, push_command

__all__ = ["data"]


@click.group()
def data() -> None:
    """Check, prepare, list and push files of bars."""


for command in (check_command, import_command, list_command, push_command):
    data.add_command(command)
