"""`backfleet doctor`: what works here, what does not, and how to fix it."""

from __future__ import annotations

import platform
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from backfleet.cli.options import as_json, echo_json
from backfleet.console import GAP
from backfleet.executor import Finding, FindingStatus
from backfleet.output_file import open_output
from backfleet.store import DEFAULT_STORE

__all__ = ["doctor"]

# click drops the colors if standard output is not a terminal.
COLORS = {FindingStatus.OK: "green", FindingStatus.WARNING: "yellow", FindingStatus.FAILURE: "red"}
STATUS_WIDTH, SUBJECT_WIDTH = 9, 22
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
"""The number of an account of AWS."""


@click.command()
@click.option(
    "--store",
    default=DEFAULT_STORE,
    show_default=True,
    metavar="DIR|S3-URL",
    help="The store to look at.",
)
@click.option(
    "--executor",
    "executors",
    multiple=True,
    metavar="NAME",
    help="Look at this executor, and treat its problems as failures; can be repeated.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Also run live tests, such as starting a container or writing to S3.",
)
@click.option(
    "--transcript",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the findings to this file, to attach to a report. It has no account numbers.",
)
@as_json
def doctor(
    store: str,
    executors: tuple[str, ...],
    live: bool,
    transcript: Path | None,
    as_json: bool,
) -> None:
    """Look at this machine, the extras, the store, the plugins and the executors.

    The exit code is 1 if something fails. A problem of an executor that is neither named nor set up
    in backfleet.toml is only a warning.
    """
    from backfleet.plugins import find_plugin

    for name in executors:
        # A misspelled name is a usage error, and no finding about the machine.
        find_plugin("executor", name)
    # The transcript has the times, which show a check that hangs for a while.
    began = time.monotonic()
    findings, lines = [], [_heading()]
    for finding in _findings(store, executors, live):
        findings.append(finding)
        lines.append(_line(finding, time.monotonic() - began))
        # Each finding as soon as it is known, because live checks take minutes.
        if not as_json:
            _show(finding)
    if as_json:
        echo_json([asdict(finding) for finding in findings])
    if transcript is not None:
        with open_output(transcript) as stream:
            stream.write("".join(lines).encode())
    sys.exit(any(finding.status is FindingStatus.FAILURE for finding in findings))


def _findings(store: str, executors: tuple[str, ...], live: bool) -> Iterator[Finding]:
    # Under another name, because the command has the function's own.
    from backfleet.runs import doctor as checkup

    yield from checkup.check_machine()
    yield from checkup.check_store(store, live=live)
    yield from checkup.plugin_findings()
    yield from checkup.check_executors(executors, live=live)


def _show(finding: Finding) -> None:
    status = click.style(f"{finding.status:<{STATUS_WIDTH}}", fg=COLORS[finding.status])
    click.echo(f"{status}{finding.subject + GAP:<{SUBJECT_WIDTH}}{finding.text}")
    if finding.fix and finding.status is not FindingStatus.OK:
        click.echo(" " * (STATUS_WIDTH + SUBJECT_WIDTH) + f"-> {finding.fix}")


def _heading() -> str:
    versions = f"backfleet {version('backfleet')}, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {versions}, {platform.platform()}\n"


def _line(finding: Finding, seconds: float) -> str:
    """A finding with the seconds after which it came, on one line."""
    fix = f" -> {finding.fix}" if finding.fix and finding.status is not FindingStatus.OK else ""
    # One line per finding, whatever a message of AWS or Docker contains.
    text = " ".join(f"{finding.subject}: {finding.text}{fix}".split())
    status = f"{finding.status:<{STATUS_WIDTH}}"
    return f"{seconds:7.1f} s  {status}{_ACCOUNT.sub('*' * 12, text)}\n"
