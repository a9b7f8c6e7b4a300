"""`backfleet aws deploy`: the stack, the image, and the settings of the executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from backfleet_executors.aws.stack.options import (
    choice_options,
    choices_of,
    clients_for,
    confirm,
    settings_file,
    stack_options,
    yes_option,
)

if TYPE_CHECKING:
    from backfleet_executors.aws.clients import Clients
    from backfleet_executors.aws.stack.deploy import Preparation
    from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["deploy_command"]


@click.command("deploy")
@stack_options
@choice_options
@yes_option
def deploy_command(name: str, region: str | None, yes: bool, **chosen: Any) -> None:
    """Make the stack, or bring it up to date, and write backfleet.toml.

    The changes are shown, and asked about, before anything is changed.
    """
    from backfleet_executors.aws.stack.choices import Choices
    from backfleet_executors.aws.stack.deploy import prepare_deployment
    from backfleet_executors.aws.stack.image import build_and_push

    clients = clients_for(region)
    choices = choices_of(chosen)
    stack = _carry_out(clients, prepare_deployment(clients, name, choices), yes)
    if choices.image is None:
        image = build_and_push(clients, stack, click.echo)
        if image != stack.parameters["Image"]:
            with_image = prepare_deployment(clients, name, Choices(image=image))
            stack = _carry_out(clients, with_image, yes=True)
    _write_settings(clients, stack)


def _carry_out(clients: Clients, preparation: Preparation, yes: bool) -> Stack:
    from backfleet_executors.aws.stack.deploy import carry_out, drop
    from backfleet_executors.aws.stack.showing import show_event, show_preparation

    show_preparation(clients, preparation)
    if preparation.change_set is not None:
        try:
            confirm("Make these changes?", yes)
        except BaseException:
            drop(clients, preparation)
            raise
    try:
        return carry_out(clients, preparation, show_event)
    except KeyboardInterrupt:
        click.echo(
            "\nCloudFormation goes on without this command; see 'backfleet aws status', and deploy "
            "again when it is done",
            err=True,
        )
        raise


def _write_settings(clients: Clients, stack: Stack) -> None:
    from backfleet_executors.aws.stack.settings_file import settings_of, write_settings

    settings = settings_of(stack, clients.region)
    write_settings(settings_file(), settings)
    click.echo(f"{settings_file().resolve()}: [executors.aws-batch] leads to this stack")
    click.echo("Next: backfleet run job.toml --executor aws-batch")
