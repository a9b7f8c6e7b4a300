"""`backfleet aws team`: teams with roles, a job definition and folders of their own."""

from __future__ import annotations

import click

from backfleet.errors import ExecutorError
from backfleet.sdk import count_of
from backfleet_executors.aws.stack.options import (
    clients_for,
    confirm,
    existing_stack,
    stack_options,
    yes_option,
)

__all__ = ["team_command"]


@click.group("team")
def team_command() -> None:
    """Manage teams, which have roles and folders of their own."""


@team_command.command("add")
@click.argument("team")
@stack_options
@click.option(
    "--github",
    metavar="SUBJECT",
    help="Subject of GitHub's tokens that may submit: repo:ORG/REPO:environment:NAME. [none]",
)
@yes_option
def add_command(team: str, name: str, region: str | None, github: str | None, yes: bool) -> None:
    """Add TEAM to the stack, or bring it up to date."""
    from backfleet_executors.aws.stack.side_stacks import apply_request
    from backfleet_executors.aws.stack.teams import find_team, team_request

    clients = clients_for(region)
    stack = existing_stack(clients, name)
    if apply_request(clients, team_request(clients, stack, team, github), yes) is None:
        click.echo(f"team {team}: nothing to change")
    current = find_team(clients, stack, team)
    click.echo(f"Let the team's people take the role {current.outputs['SubmitterRole']}")
    click.echo(f"Next: backfleet aws connect --team {team} --name {name}")


@team_command.command("list")
@stack_options
def list_command(name: str, region: str | None) -> None:
    """List the teams of the stack."""
    from backfleet_executors.aws.stack.teams import teams_of

    clients = clients_for(region)
    teams = teams_of(clients, existing_stack(clients, name))
    click.echo("\n".join(teams) or f"the stack {name} has no teams")


@team_command.command("remove")
@click.argument("team")
@stack_options
@yes_option
def remove_command(team: str, name: str, region: str | None, yes: bool) -> None:
    """Remove the roles and the job definition of TEAM. Its runs and its data stay."""
    from backfleet_executors.aws.stack.destroy import count_team_jobs, destroy
    from backfleet_executors.aws.stack.showing import show_event
    from backfleet_executors.aws.stack.teams import find_team

    clients = clients_for(region)
    stack = existing_stack(clients, name)
    team_stack = find_team(clients, stack, team)
    jobs = count_team_jobs(clients, stack, team)
    if jobs:
        raise ExecutorError(
            f"the team {team} has {count_of(jobs, 'unfinished job')}, which would fail without "
            "its role. Wait for the end, or cancel the runs"
        )
    confirm(f"Remove the team {team} of the stack {name} in {clients.region}?", yes)
    destroy(clients, team_stack, show_event)
