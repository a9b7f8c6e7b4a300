"""`[executors.aws-batch]` in backfleet.toml: written by `deploy`, taken away by `destroy`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.sdk import open_output
from backfleet_executors.aws.image_records import ARM64
from backfleet_executors.aws.stack.stacks import Stack
from backfleet_executors.aws.stack.storage import RUNS, TEAMS

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

__all__ = [
    "EXECUTOR",
    "arm64_settings",
    "forget_settings",
    "read_region",
    "settings_of",
    "team_settings",
    "write_settings",
]

EXECUTOR = "aws-batch"
STORAGE = ("region", "store", "data")
"""What is still true when a stack is gone, because the buckets stay."""


def settings_of(stack: Stack, region: str) -> dict[str, str]:
    """The executor's settings that follow from a stack."""
    outputs = stack.outputs
    return {
        "region": region,
        "queue": outputs["Queue"],
        "on_demand_queue": outputs["OnDemandQueue"],
        # A stack without an image has neither job definitions nor an image.
        "job_definition": outputs.get("JobDefinition", ""),
        "compaction_definition": outputs.get("Compaction", ""),
        "store": f"s3://{outputs['ResultsBucket']}/{RUNS}",
        "data": f"s3://{outputs['DataBucket']}",
        "image": outputs.get("Image", ""),
        "log_group": outputs["LogGroup"],
        "team": "",
        "architecture": "",
    }


def arm64_settings(arm64: Stack, team_stack: Stack | None) -> dict[str, str]:
    """The settings for workers on ARM64 that differ from those of the stack, or of a team.

    The client compacts results: the job definition of the compaction is for the other queues.
    Raises ExecutorError for a team that has no workers there.
    """
    outputs = arm64.outputs
    definition = outputs["JobDefinition"]
    if team_stack is not None:
        definition = team_stack.outputs.get("Arm64JobDefinition", "")
        if not definition:
            raise ExecutorError(
                f"the stack {team_stack.name} has no job definition for ARM64; run 'backfleet aws "
                "arm64 add' again"
            )
    return {
        "queue": outputs["Queue"],
        "on_demand_queue": outputs["OnDemandQueue"],
        "job_definition": definition,
        "compaction_definition": "",
        "image": outputs["Image"],
        "architecture": ARM64,
    }


def team_settings(stack: Stack, team_stack: Stack, team: str) -> dict[str, str]:
    """The settings of a team that differ from those of its stack."""
    folder = f"{TEAMS}/{team}"
    return {
        "job_definition": team_stack.outputs["JobDefinition"],
        "compaction_definition": team_stack.outputs["Compaction"],
        "store": f"s3://{stack.outputs['ResultsBucket']}/{folder}/{RUNS}",
        "data": f"s3://{stack.outputs['DataBucket']}/{folder}/data",
        "team": team,
    }


def write_settings(file: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings into the executor's table; what else is in the file stays as it is.

    Empty ones are left out. Raises ExecutorError where the file cannot be read or written.
    """
    document = _read(file)
    table = _table(document)
    for key, value in settings.items():
        # An empty one is removed: what an earlier team or architecture set must not stay.
        if value:
            table[key] = value
        else:
            table.pop(key, None)
    _write(file, document)


def forget_settings(file: Path, stack: Stack) -> bool:
    """Take away what leads to the queues of a stack; False where the file names others."""
    if not file.is_file():
        return False
    document = _read(file)
    table = _table(document)
    settings = settings_of(stack, "")
    # The file may point to another stack, or to the queues for ARM64.
    if table.get("queue") != settings["queue"]:
        return False
    for key in settings:
        if key not in STORAGE:
            table.pop(key, None)
    _write(file, document)
    return True


def read_region(file: Path) -> str | None:
    """The region that the executor's table names. Raises ExecutorError."""
    if not file.is_file():
        return None
    region = _table(_read(file)).get("region")
    return None if region is None else str(region)


def _read(file: Path) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(file.read_text(encoding="utf-8")) if file.is_file() else _empty()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ExecutorError(f"{file.resolve()}: {error}") from error


def _empty() -> TOMLDocument:
    import tomlkit

    return tomlkit.document()


def _table(document: TOMLDocument) -> Any:
    """The executor's table, which is made where it lacks."""
    import tomlkit

    # A super table has no line of its own: only [executors.aws-batch] is written.
    executors = document.setdefault("executors", tomlkit.table(is_super_table=True))
    # Tables have keys; what else a user may have written there, such as a number, has none.
    table = executors.setdefault(EXECUTOR, tomlkit.table()) if hasattr(executors, "keys") else None
    if not hasattr(table, "keys"):
        raise ExecutorError(f"backfleet.toml: [executors.{EXECUTOR}] must be a table")
    return table


def _write(file: Path, document: TOMLDocument) -> None:
    try:
        with open_output(file) as stream:
            stream.write(document.as_string().encode())
    except OSError as error:
        raise ExecutorError(f"{file.resolve()} cannot be written: {error.strerror}") from error
