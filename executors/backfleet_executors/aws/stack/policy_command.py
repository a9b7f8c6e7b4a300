"""`backfleet aws policy`: the policies that an administrator sets before others deploy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from backfleet_executors.aws.stack.options import clients_for, stack_options

if TYPE_CHECKING:
    from backfleet_executors.aws.stack.deployer import StackLocation

__all__ = ["policy_command"]

KINDS = ("deployer", "cloudformation", "boundary", "key")


@click.command("policy")
@stack_options
@click.option(
    "--for",
    "kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="Print the policy of who deploys, of the role of CloudFormation, of the permissions "
    "boundary, or of the KMS key.",
)
@click.option(
    "--permissions-boundary",
    "boundary",
    metavar="ARN",
    default="",
    help="Boundary that every role of the stack must have. [none]",
)
@click.option(
    "--cloudformation-role",
    "role",
    metavar="ARN",
    default="",
    help="Role by which CloudFormation acts. [the deployer's permissions]",
)
@click.option("--kms-key", metavar="ARN", multiple=True, help="Key of the stack or of a bucket.")
@click.option(
    "--bucket", metavar="NAME", multiple=True, help="Existing bucket that the stack uses."
)
@click.option(
    "--repository", metavar="NAME", default="", help="Existing repository that the stack uses."
)
def policy_command(name: str, region: str | None, kind: str, **given: Any) -> None:
    """Print an IAM policy for an administrator to create."""
    from backfleet_executors.aws.stack.deployer import StackLocation
    from backfleet_executors.aws.stack.stacks import check_name

    check_name(name)
    clients = clients_for(region)
    location = StackLocation(clients.partition, clients.region, clients.account(), name)
    click.echo(json.dumps(_document(kind, location, given), indent=2))


def _document(kind: str, location: StackLocation, given: dict[str, Any]) -> dict[str, Any]:
    from backfleet_executors.aws.stack.boundary import boundary_policy
    from backfleet_executors.aws.stack.deployer import (
        Governance,
        cloudformation_policy,
        deployer_policy,
    )
    from backfleet_executors.aws.stack.encryption import key_policy

    keys = given["kms_key"]
    if kind == "key":
        return key_policy(location.partition, location.region, location.account)
    if kind == "boundary":
        return boundary_policy(location, given["bucket"], given["repository"], keys)
    # The first key is the stack's. Further ones are those of buckets, for the boundary alone.
    governance = Governance(given["boundary"], given["role"], keys[0] if keys else "")
    if kind == "cloudformation":
        return cloudformation_policy(location, governance)
    return deployer_policy(location, governance)
