"""`backfleet aws policy`: what who deploys must be allowed."""

from __future__ import annotations

import json

import click

from backfleet_executors.aws.stack.options import clients_for, stack_options

__all__ = ["policy_command"]


@click.command("policy")
@stack_options
def policy_command(name: str, region: str | None) -> None:
    """Print the IAM policy required for deployment, for an administrator to grant."""
    from backfleet_executors.aws.stack.deployer import Place, deployer_policy
    from backfleet_executors.aws.stack.stacks import check_name

    check_name(name)
    clients = clients_for(region)
    place = Place(clients.partition, clients.region, clients.account(), name)
    click.echo(json.dumps(deployer_policy(place), indent=2))
