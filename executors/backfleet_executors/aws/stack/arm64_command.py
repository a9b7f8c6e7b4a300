"""`backfleet aws arm64`: queues for workers on ARM64, which cost about a fifth less."""

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

__all__ = ["arm64_command"]


@click.group("arm64")
def arm64_command() -> None:
    """Run workers on ARM64, in queues of their own."""


@arm64_command.command("add")
@stack_options
@click.option("--image", required=True, help="The workers' image for linux/arm64, by digest.")
@yes_option
def add_command(name: str, region: str | None, image: str, yes: bool) -> None:
    """Add the queues to the stack, or give them another image."""
    from backfleet_executors.aws.image_records import ARM64, image_inventory, publish_record
    from backfleet_executors.aws.stack.arm64 import arm64_name, arm64_parameters, render_arm64
    from backfleet_executors.aws.stack.change_set import StackRequest
    from backfleet_executors.aws.stack.choices import check_image
    from backfleet_executors.aws.stack.side_stacks import apply_request
    from backfleet_executors.aws.stack.teams import refresh_teams

    check_image(image)
    clients = clients_for(region)
    stack = existing_stack(clients, name)
    bucket = f"s3://{stack.outputs['ResultsBucket']}"
    # Only for its errors, before anything is changed: the image is unknown, or for another
    # architecture.
    image_inventory(image, bucket, ARM64)
    request = StackRequest(
        arm64_name(name),
        render_arm64(),
        arm64_parameters(clients, stack, image),
        stack.tags,
        stack.role,
    )
    if apply_request(clients, request, yes) is None:
        click.echo("arm64: nothing to change")
    publish_record(image, bucket)
    # Teams have job definitions of their own, with this image.
    refresh_teams(clients, stack)
    click.echo(f"Next: backfleet aws connect --arm64 --name {name}")


@arm64_command.command("remove")
@stack_options
@yes_option
def remove_command(name: str, region: str | None, yes: bool) -> None:
    """Remove the queues. Runs and data stay."""
    from backfleet_executors.aws.stack.arm64 import arm64_name
    from backfleet_executors.aws.stack.destroy import count_live_jobs, destroy
    from backfleet_executors.aws.stack.showing import show_event
    from backfleet_executors.aws.stack.teams import refresh_teams

    clients = clients_for(region)
    stack = existing_stack(clients, arm64_name(name))
    jobs = count_live_jobs(clients, stack)
    if jobs:
        raise ExecutorError(
            f"the queues on ARM64 have {count_of(jobs, 'unfinished job')}, which would be stopped "
            "with them. Wait for the end, or cancel the runs"
        )
    confirm(f"Remove the queues on ARM64 of the stack {name} in {clients.region}?", yes)
    destroy(clients, stack, show_event)
    # Their job definitions for ARM64 go as well, since the stack that they follow is gone.
    refresh_teams(clients, existing_stack(clients, name))
