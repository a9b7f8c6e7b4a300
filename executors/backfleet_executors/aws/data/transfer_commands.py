"""`backfleet data push` and `data ls`: files on their way to S3, and what is there."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from backfleet.sdk import as_json, echo_json, print_columns, split_names
from backfleet_executors.aws.data.progress import amount, push_progress
from backfleet_executors.aws.data.push import Pushed, push
from backfleet_executors.aws.data.remote import S3

__all__ = ["list_command", "push_command"]


@click.command("push")
@click.argument("directory")
@click.argument("url", metavar="S3-URL")
@click.option(
    "--symbols",
    metavar="NAMES",
    help="Symbols to include: names or glob patterns with commas between.",
)
@as_json
def push_command(directory: str, url: str, symbols: str | None, as_json: bool) -> None:
    """Copy the changed files of DIRECTORY to S3-URL.

    S3 verifies each file. An interrupted push continues where it stopped. Nothing is deleted there.
    """
    with nullcontext() if as_json else push_progress(sys.stderr) as watch:
        pushed = push(directory, url, split_names(symbols), watch)
    if as_json:
        echo_json(asdict(pushed))
    else:
        _tell(pushed)


@click.command("ls")
@click.argument("place", metavar="DIR|S3-URL")
@as_json
def list_command(place: str, as_json: bool) -> None:
    """List the files of a directory or an S3 prefix with their sizes."""
    rows = _on_s3(place) if place.startswith(S3) else _in_directory(place)
    if as_json:
        echo_json(rows)
        return
    if rows:
        names = list(rows[0])
        print_columns(names, [[_cell(row[name]) for row in rows] for name in names])
    total = sum(row["bytes"] for row in rows)
    click.echo(f"{len(rows):,} files, {amount(total)}, in {place}")


def _tell(pushed: Pushed) -> None:
    click.echo(
        f"{len(pushed.files):,} files ({amount(pushed.bytes)}) pushed to {pushed.url}; "
        f"{pushed.unchanged:,} were there already"
    )
    click.echo(f'\nin the job file:\n  [data]\n  path = "{pushed.url}"')


def _on_s3(url: str) -> list[dict[str, Any]]:
    from backfleet_executors.aws.data.remote import RemoteFiles

    files = RemoteFiles(url).files
    return [_row(name, files[name].bytes, files[name].modified) for name in sorted(files)]


def _in_directory(path: str) -> list[dict[str, Any]]:
    from backfleet_executors.aws.data.local import LocalFiles

    files = LocalFiles(path)
    statuses = ((name, (files.path / name).stat()) for name in files.names)
    return [
        _row(name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
        for name, status in statuses
    ]


def _row(name: str, size: int, modified: datetime) -> dict[str, Any]:
    return {"file": name, "bytes": size, "modified": modified.isoformat(timespec="seconds")}


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value
