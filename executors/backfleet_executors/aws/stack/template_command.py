"""`backfleet aws template`: the template, for people who deploy with their own tools."""

from __future__ import annotations

import click

__all__ = ["template_command"]


@click.command("template")
@click.option("--team", metavar="TEAM", help="The template of a team's stack. [the main stack]")
def template_command(team: str | None) -> None:
    """Print the CloudFormation template. AWS is not asked for anything."""
    from backfleet_executors.aws.stack.team import render_team
    from backfleet_executors.aws.stack.teams import check_team
    from backfleet_executors.aws.stack.template import render

    if team is None:
        click.echo(render())
        return
    check_team(team)
    click.echo(render_team(team))
