"""`backfleet aws destroy`: the stack away, the buckets kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from backfleet.errors import ExecutorError
from backfleet.sdk import count_of
from backfleet_executors.aws.stack.options import (
    clients_for,
    confirm,
    existing_stack,
    settings_file,
    stack_options,
    yes_option,
)

if TYPE_CHECKING:
    from backfleet_executors.aws.clients import Clients
    from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["destroy_command"]


@click.command("destroy")
@stack_options
@click.option(
    "--images/--keep-images", default=None, help="Delete the repository with its images, or not."
)
@yes_option
def destroy_command(name: str, region: str | None, images: bool | None, yes: bool) -> None:
    """Delete the stack. The buckets stay; a later 'deploy' uses them again."""
    from backfleet_executors.aws.stack.arm64 import arm64_name
    from backfleet_executors.aws.stack.destroy import delete_images, destroy
    from backfleet_executors.aws.stack.settings_file import forget_settings
    from backfleet_executors.aws.stack.showing import show_event
    from backfleet_executors.aws.stack.side_stacks import side_stacks
    from backfleet_executors.aws.stack.team import team_name

    clients = clients_for(region)
    stack = existing_stack(clients, name)
    # Every other state can be destroyed: out of a failed creation nothing else leads.
    if stack.is_busy:
        raise ExecutorError(f"stack {name!r} is {stack.status}; wait until that is done")
    beside = side_stacks(clients, stack, team_name(name, ""), arm64_name(name))
    _show_what_goes(clients, stack)
    if beside:
        click.echo(f"Deleted before: {', '.join(beside)}.")
    confirm(f"Destroy the stack {name} in {clients.region}?", yes)
    # Asked before anything is deleted.
    with_images = _with_images(clients, stack, images, yes)
    # Before the main stack, whose queues, roles and buckets they use.
    for side in beside:
        destroy(clients, existing_stack(clients, side), show_event)
    destroy(clients, stack, show_event)
    if with_images:
        delete_images(clients, stack)
        click.echo(f"deleted the repository {stack.outputs['Repository']}")
    if forget_settings(settings_file(), stack):
        click.echo(f"{settings_file().resolve()}: no longer points to its queues")


def _show_what_goes(clients: Clients, stack: Stack) -> None:
    from backfleet_executors.aws.stack.destroy import count_live_jobs

    live = count_live_jobs(clients, stack)
    if live:
        click.echo(f"The stack has {count_of(live, 'unfinished job')}, which will be stopped.")
    buckets = [
        stack.outputs[key] for key in ("DataBucket", "ResultsBucket") if key in stack.outputs
    ]
    if buckets:
        kept = " and ".join(f"s3://{bucket}" for bucket in buckets)
        click.echo(f"These stay, with all that is in them: {kept}.")
    if "LogGroup" in stack.outputs:
        click.echo(
            f"The workers' logs in CloudWatch ({stack.outputs['LogGroup']}) will be deleted. The "
            "output of tasks stays in the results bucket."
        )


def _with_images(clients: Clients, stack: Stack, images: bool | None, yes: bool) -> bool:
    """Whether the repository goes too. One that the stack did not make stays."""
    from backfleet_executors.aws.stack.destroy import count_images

    repository = stack.outputs.get("Repository")
    # A repository taken up from an earlier stack of this name counts as an existing one.
    is_own = stack.parameters.get("RepositoryName") in ("", stack.name)
    if repository is None or not is_own or images is False:
        return False
    if images or yes:
        return True
    number = count_images(clients, stack)
    return click.confirm(f"Delete the repository {repository} with its {number:,} images too?")
