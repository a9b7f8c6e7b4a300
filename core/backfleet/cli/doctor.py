"""`backfleet doctor`: what works here, what does not, and how to fix it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from backfleet.cli.options import as_json, echo_json
from backfleet.executor import Finding, FindingStatus
from backfleet.store import DEFAULT_STORE

__all__ = ["doctor"]

COLORS = {FindingStatus.OK: "green", FindingStatus.WARNING: "yellow", FindingStatus.FAILURE: "red"}
STATUS_WIDTH, SUBJECT_WIDTH = 9, 22


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
@as_json
def doctor(store: str, executors: tuple[str, ...], live: bool, as_json: bool) -> None:
    """Look at this machine, the store, the plugins and the executors.

    Exits with 1 where something fails. What is wrong with an executor that is neither named nor
    set up in backfleet.toml is only a warning.
    """
    from backfleet.plugins import find_plugin

    for name in executors:
        find_plugin("executor", name)
    findings = []
    for finding in _findings(store, executors, live):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        echo_json([asdict(finding) for finding in findings])
    sys.exit(any(finding.status is FindingStatus.FAILURE for finding in findings))


def _findings(store: str, executors: tuple[str, ...], live: bool) -> Iterator[Finding]:
    from backfleet.runs import doctor as checkup

    yield from checkup.check_machine()
    yield from checkup.check_store(store, live=live)
    yield from checkup.check_plugins()
    yield from checkup.check_executors(executors, live=live)


def _show(finding: Finding) -> None:
    status = click.style(f"{finding.status:<{STATUS_WIDTH}}", fg=COLORS[finding.status])
    click.echo(f"{status}{finding.subject:<{SUBJECT_WIDTH}}{finding.text}")
    if finding.fix and finding.status is not FindingStatus.OK:
        click.echo(" " * (STATUS_WIDTH + SUBJECT_WIDTH) + f"-> {finding.fix}")
