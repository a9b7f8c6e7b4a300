"""`backfleet adopt`: from somebody's backtrader script to a job."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backfleet.console import as_json, echo_json

if TYPE_CHECKING:
    from backfleet.adopt.adopt import Adoption

__all__ = ["adopt"]

MAX_SHOWN_POINTS = 10


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Folder to create.")
@click.option(
    "--run", "number", type=int, metavar="N", help="Adopt the Nth backtest of the script."
)
@click.option(
    "--strict", is_flag=True, help="Refuse a script that needs what a job has no key for."
)
@click.option(
    "--timeout",
    type=float,
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit of the script.",
)
@as_json
@click.argument("script", metavar="SCRIPT")
# Unknown options belong to the script and are passed on as they are.
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...")
def adopt(
    output: str,
    number: int | None,
    strict: bool,
    timeout: float,
    as_json: bool,
    script: str,
    arguments: tuple[str, ...],
) -> None:
    """Turn a backtrader script into a job.

    The command runs SCRIPT with ARGS on backtrader itself. Then it writes job.toml, strategy.py and
    data/ into the FOLDER of --output, runs the job, and checks that its final value is the script's
    to the last bit. Options of the script that this command also has are written after '--'. Exit
    codes: 0 equal, 1 not equal, 2 the script cannot be adopted, and nothing was written.
    """
    from backfleet.adopt.adopt import Request

    # Under another name, because the command has the function's own.
    from backfleet.adopt.adopt import adopt as adopt_script
    from backfleet.adopt.script import Script

    request = Request(Script(Path(script), arguments, timeout), Path(output), number, strict)
    adoption = adopt_script(request)
    if as_json:
        echo_json(_facts(adoption, output))
    else:
        _show(adoption, Path(output))
    sys.exit(0 if adoption.is_equal else 1)


def _facts(adoption: Adoption, output: str) -> dict[str, object]:
    return {
        "folder": output,
        "equal": adoption.is_equal,
        "points": [
            {"params": dict(item.params), "script": item.script, "job": item.job}
            for item in adoption.comparisons
        ],
        "without_key": list(adoption.reasons),
        "notes": list(adoption.notes),
    }


def _show(adoption: Adoption, folder: Path) -> None:
    data, strategy = adoption.data, adoption.strategy
    feeds = ", ".join([*data.symbols, *(feed.name for feed in data.auxiliary)])
    click.echo(f"{folder}/job.toml: the job")
    click.echo(f"{folder}/{strategy.name}: {strategy.class_name}")
    click.echo(f"{folder}/data: {feeds} ({data.source})")
    for reason in adoption.reasons:
        click.echo(f"in {strategy.class_name}: {reason}, for which a job has no key")
    for note in adoption.notes:
        click.echo(f"note: {note}")
    shown = adoption.comparisons
    if len(shown) > MAX_SHOWN_POINTS:
        # Points that differ are what the user has to see; without any, a few equal ones suffice.
        shown = [item for item in shown if not item.is_equal][:MAX_SHOWN_POINTS] or shown[:3]
        click.echo(f"{len(adoption.comparisons):,} points, of which:")
    for item in shown:
        point = "".join(f" {name}={value}" for name, value in item.params.items())
        click.echo(f"final value{point}: script {item.script}, job {item.job}")
    if adoption.is_equal:
        # The line is there to be copied into a shell.
        job = shlex.quote(str(folder / "job.toml"))
        click.echo(f"equal to the last bit. Next: backfleet run {job}")
        if adoption.run.params or adoption.run.defaults:
            click.echo("To sweep a parameter, add -p NAME=FIRST:LAST:STEP")
    else:
        click.echo("NOT EQUAL: do not use the job before you know why", err=True)
