"""`backfleet aws status`: how the stack stands."""

from __future__ import annotations

import click

from backfleet.sdk import as_json, echo_json
from backfleet_executors.aws.stack.options import clients_for, existing_stack, stack_options

__all__ = ["status_command"]


@click.command("status")
@stack_options
@as_json
def status_command(name: str, region: str | None, as_json: bool) -> None:
    """Show the state of the stack."""
    from backfleet_executors.aws.stack.showing import show_status
    from backfleet_executors.aws.stack.status import status_of

    clients = clients_for(region)
    facts = status_of(clients, existing_stack(clients, name))
    if as_json:
        echo_json(facts)
    else:
        show_status(facts)
