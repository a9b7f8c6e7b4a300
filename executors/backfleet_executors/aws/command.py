"""`backfleet aws`: the stack that a fleet needs, from one command."""

from __future__ import annotations

import click

from backfleet_executors.aws.batch.container_check import container_check
from backfleet_executors.aws.prices_command import prices_command
from backfleet_executors.aws.stack.arm64_command import arm64_command
from backfleet_executors.aws.stack.connect_command import connect_command
from backfleet_executors.aws.stack.deploy_command import deploy_command
from backfleet_executors.aws.stack.destroy_command import destroy_command
from backfleet_executors.aws.stack.plan_command import plan_command
from backfleet_executors.aws.stack.policy_command import policy_command
from backfleet_executors.aws.stack.status_command import status_command
from backfleet_executors.aws.stack.team_command import team_command
from backfleet_executors.aws.stack.template_command import template_command

__all__ = ["aws"]


@click.group()
def aws() -> None:
    """Manage the AWS stack: queues, buckets, image repository and roles."""


for command in (
    plan_command,
    deploy_command,
    status_command,
    connect_command,
    team_command,
    arm64_command,
    destroy_command,
    policy_command,
    prices_command,
    template_command,
    container_check,
):
    # Each module imports boto3 within its command only, so that `--help` stays fast.
    aws.add_command(command)
