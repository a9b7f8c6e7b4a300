"""`backfleet aws plan`: what a deployment would change."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from backfleet.sdk import as_json, echo_json
from backfleet_executors.aws.stack.options import (
    choice_options,
    choices_of,
    clients_for,
    stack_options,
)

if TYPE_CHECKING:
    from backfleet_executors.aws.stack.deploy import Preparation

__all__ = ["plan_command"]


@click.command("plan")
@stack_options
@choice_options
@as_json
def plan_command(name: str, region: str | None, as_json: bool, **chosen: Any) -> None:
    """Show what 'deploy' would change. Nothing is changed."""
    from backfleet_executors.aws.stack.deploy import drop, prepare_deployment
    from backfleet_executors.aws.stack.showing import show_preparation

    clients = clients_for(region)
    preparation = prepare_deployment(clients, name, choices_of(chosen))
    try:
        if as_json:
            echo_json(_facts(preparation))
        else:
            show_preparation(clients, preparation)
    # Also after an error or Ctrl-C: the change set exists in the account.
    finally:
        drop(clients, preparation)


def _facts(preparation: Preparation) -> dict[str, Any]:
    change_set = preparation.change_set
    return {
        "name": preparation.name,
        "exists": preparation.stack is not None,
        "parameters": dict(preparation.parameters),
        "adopted": asdict(preparation.adopted),
        "service_roles": list(preparation.service_roles),
        "changes": [asdict(change) for change in change_set.changes] if change_set else [],
    }
