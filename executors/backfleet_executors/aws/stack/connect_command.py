"""`backfleet aws connect`: the settings of a stack, for machines that did not deploy it."""

from __future__ import annotations

import click

from backfleet_executors.aws.stack.options import (
    clients_for,
    existing_stack,
    settings_file,
    stack_options,
)

__all__ = ["connect_command"]


@click.command("connect")
@stack_options
@click.option("--team", metavar="TEAM", help="Team to submit runs for. [the stack's own part]")
def connect_command(name: str, region: str | None, team: str | None) -> None:
    """Write the settings of a stack into backfleet.toml. Nothing else is changed."""
    from backfleet_executors.aws.stack.settings_file import (
        settings_of,
        team_settings,
        write_settings,
    )
    from backfleet_executors.aws.stack.teams import find_team

    clients = clients_for(region)
    stack = existing_stack(clients, name)
    settings = settings_of(stack, clients.region)
    if team is not None:
        settings |= team_settings(stack, find_team(clients, stack, team), team)
    write_settings(settings_file(), settings)
    click.echo(f"{settings_file().resolve()}: [executors.aws-batch] points to this stack")
