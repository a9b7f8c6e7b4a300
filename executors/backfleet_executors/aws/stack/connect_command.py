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
@click.option("--arm64", is_flag=True, help="Submit to the queues on ARM64.")
def connect_command(name: str, region: str | None, team: str | None, arm64: bool) -> None:
    """Write the settings of a stack into backfleet.toml. Nothing else is changed."""
    from backfleet_executors.aws.stack.arm64 import arm64_name
    from backfleet_executors.aws.stack.settings_file import (
        arm64_settings,
        settings_of,
        team_settings,
        write_settings,
    )
    from backfleet_executors.aws.stack.teams import find_team

    clients = clients_for(region)
    stack = existing_stack(clients, name)
    settings = settings_of(stack, clients.region)
    team_stack = None if team is None else find_team(clients, stack, team)
    if team is not None and team_stack is not None:
        settings |= team_settings(stack, team_stack, team)
    if arm64:
        settings |= arm64_settings(existing_stack(clients, arm64_name(name)), team_stack)
    write_settings(settings_file(), settings)
    click.echo(f"{settings_file().resolve()}: [executors.aws-batch] points to this stack")
