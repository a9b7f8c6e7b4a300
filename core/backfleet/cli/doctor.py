"""`backfleet doctor`: what works here and what does not, with the mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from backfleet.cli.options import as_json, echo_json
from backfleet.executor import Finding, Verdict
from backfleet.store import DEFAULT_STORE

__all__ = ["doctor"]

COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILURE: "red"}
VERDICT_WIDTH, SUBJECT_WIDTH = 9, 22


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
    help="Look at this executor, and let what is wrong with it be a failure; may be given "
    "several times.",
)
@click.option(
    "--live", is_flag=True, help="Also try things out: start a container, write to S3, and so on."
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
    sys.exit(any(finding.verdict is Verdict.FAILURE for finding in findings))


def _findings(store: str, executors: tuple[str, ...], live: bool) -> Iterator[Finding]:
    from backfleet.runs import doctor as checkup

    yield from checkup.check_machine()
    yield from checkup.check_store(store, live=live)
    yield from checkup.check_plugins()
    yield from checkup.check_executors(executors, live=live)


def _show(finding: Finding) -> None:
    verdict = click.style(f"{finding.verdict:<{VERDICT_WIDTH}}", fg=COLOURS[finding.verdict])
    click.echo(f"{verdict}{finding.subject:<{SUBJECT_WIDTH}}{finding.text}")
    if finding.mend and finding.verdict is not Verdict.OK:
        click.echo(" " * (VERDICT_WIDTH + SUBJECT_WIDTH) + f"-> {finding.mend}")
