"""Output about a stack on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from backfleet.sdk import print_columns
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.change_set import ChangeSet
from backfleet_executors.aws.stack.deploy import Preparation
from backfleet_executors.aws.stack.watch import StackEvent

__all__ = ["show_changes", "show_event", "show_preparation", "show_status"]

WIDTH = 12


def show_preparation(clients: Clients, preparation: Preparation) -> None:
    """The changes as a table, and in words what the table does not say."""
    where = f"{preparation.name} in {clients.region} of account {clients.account()}"
    change_set = preparation.change_set
    if change_set is None:
        click.echo(f"stack {where}: nothing to change")
    else:
        click.echo(f"stack {where}: {len(change_set.changes)} changes")
        show_changes(change_set)
    for line in _notes(preparation):
        click.echo(line)


def show_changes(change_set: ChangeSet) -> None:
    """The changes of a stack as a table."""
    rows = [
        [change.action, change.resource, change.kind, change.replaced, change.why]
        for change in change_set.changes
    ]
    columns = ["action", "resource", "type", "replaced", "because of"]
    # A new stack has nothing to replace, so that two columns would be empty.
    filled = [at for at, _ in enumerate(columns) if any(row[at] for row in rows)]
    print_columns([columns[at] for at in filled], [[row[at] for row in rows] for at in filled])


def show_event(event: StackEvent) -> None:
    """One event of CloudFormation, as it comes."""
    reason = f"  {event.reason}" if event.reason else ""
    kind = event.kind.removeprefix("AWS::")
    click.echo(f"{event.time:%H:%M:%S}  {event.status:<20} {event.resource} ({kind}){reason}")


def show_status(facts: Mapping[str, Any]) -> None:
    """The facts that `status_of` found."""
    for key in ("name", "region", "account", "status", "reason"):
        if facts[key]:
            click.echo(f"{key:<{WIDTH}}{facts[key]}")
    for queue in facts.get("queues", ()):
        click.echo(f"{'queue':<{WIDTH}}{_queue(queue)}")
    if "live_jobs" in facts:
        click.echo(f"{'jobs':<{WIDTH}}{facts['live_jobs']:,} running")
    for key in ("image", "data", "store", "log_group"):
        # A stack that is not whole has none (`status_of`).
        if "settings" in facts:
            click.echo(f"{key:<{WIDTH}}{facts['settings'][key] or 'none yet'}")
    for output, label in (("SubmitterRole", "submitters"), ("Notebook", "notebook")):
        if output in facts["outputs"]:
            click.echo(f"{label:<{WIDTH}}{facts['outputs'][output]}")


def _notes(preparation: Preparation) -> Iterator[str]:
    for service in preparation.service_roles:
        yield f"The account's service-linked role for {service} will be created."
    if preparation.adopted.names:
        yield f"Used again: {', '.join(preparation.adopted.names)}."
    if not preparation.has_image:
        yield "Then the image is built and pushed, and the job definition names its digest."


def _queue(queue: Mapping[str, Any]) -> str:
    environments = ", ".join(
        f"{environment['kind']} up to {environment['max_vcpus']} vCPU, {environment['status']}"
        + (f" ({environment['reason']})" if environment["status"] == "INVALID" else "")
        for environment in queue["environments"]
    )
    return f"{queue['name']}: {queue['state']}, {queue['status']}; {environments}"
