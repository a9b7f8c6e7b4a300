"""`backfleet aws deploy`: the stack, the image, and the settings of the executor."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from backfleet.errors import UserError
from backfleet_executors.aws.stack.options import (
    choice_options,
    choices_of,
    clients_for,
    confirm,
    settings_file,
    stack_options,
    yes_option,
)
from backfleet_executors.aws.stack.showing import show_event, show_preparation

if TYPE_CHECKING:
    from backfleet_executors.aws.clients import Clients
    from backfleet_executors.aws.stack.deploy import Preparation
    from backfleet_executors.aws.stack.image import ImageBuilder
    from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["deploy_command"]


@click.command("deploy")
@stack_options
@choice_options
@click.option(
    "--keep-image", is_flag=True, help="Keep the current image even if the local code is newer."
)
@click.option(
    "--base", metavar="IMAGE", help="Image to begin from, if one is built. [python:X.Y-slim]"
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Monthly budget of the stack's jobs, with a notice at 80 %; 0 removes it. [none]",
)
@yes_option
def deploy_command(
    name: str,
    region: str | None,
    keep_image: bool,
    base: str | None,
    budget: float | None,
    yes: bool,
    **chosen: Any,
) -> None:
    """Create or update the stack and write backfleet.toml.

    The changes are shown, and asked about, before anything is changed. The image is built with the
    local Docker engine if its code differs from what is installed here.
    """
    from backfleet_executors.aws.stack.budget import check_budget
    from backfleet_executors.aws.stack.deploy import drop, prepare_deployment
    from backfleet_executors.aws.stack.disruption import check_idle

    has_image = bool(chosen["image"]) or keep_image
    if has_image and base is not None:
        raise UserError(
            "--base is for an image that is built here; leave out --image and --keep-image, or it"
        )
    clients = clients_for(region)
    if budget is not None:
        check_budget(clients)
    preparation = prepare_deployment(clients, name, choices_of(chosen))
    try:
        show_preparation(clients, preparation)
        # After the changes are shown, so that the refusal can be understood.
        check_idle(clients, preparation)
        # The builder connects to the engine at once: without one nothing is changed.
        builder = None if has_image else _builder(clients, preparation, base)
        if preparation.change_set or preparation.service_roles or builder:
            confirm("Make these changes?", yes)
    # Also for Ctrl-C at the question: the change set, and the empty stack around a first one, would
    # stay in the account.
    except BaseException:
        drop(clients, preparation)
        raise
    # A first deployment takes two changes: the image needs the repository of the first, and the job
    # definition of the second needs the image.
    stack = _carry_out(clients, preparation)
    if builder is not None:
        stack = _with_image(clients, stack, builder)
    if budget is not None:
        _set_budget(clients, stack, budget)
    _refresh_teams(clients, stack)
    # Last, so that the settings never name a stack that is not whole.
    _write_settings(clients, stack)


def _refresh_teams(clients: Clients, stack: Stack) -> None:
    """Let the teams run the same image."""
    from backfleet_executors.aws.stack.teams import refresh_teams

    if stack.outputs.get("Image"):
        for team in refresh_teams(clients, stack):
            click.echo(f"The team {team} is up to date with the stack.")


def _set_budget(clients: Clients, stack: Stack, dollars: float) -> None:
    from backfleet_executors.aws.stack.budget import STACK_TAG, remove_budget, set_budget

    if not dollars:
        remove_budget(clients, stack)
        return
    set_budget(clients, stack, dollars)
    click.echo(
        f"The budget is {dollars:,.2f} USD per month, with a notice at 80 %. It counts what has "
        f"the tag {STACK_TAG}: activate that tag for cost allocation in the payer's account"
    )


def _builder(clients: Clients, preparation: Preparation, base: str | None) -> ImageBuilder | None:
    """Return the builder of the image; None if the existing image is good enough.

    `base` is the base image that is chosen; None keeps that of the stack.
    """
    from backfleet_executors.aws.stack.image import ImageBuilder, is_up_to_date

    stack = preparation.stack
    current = preparation.parameters["BaseImage"]
    base = current if base is None else base
    if stack is not None and preparation.has_image and base == current:
        bucket = f"s3://{stack.outputs['ResultsBucket']}"
        if is_up_to_date(preparation.parameters["Image"], bucket):
            return None
    if preparation.has_image:
        changed = "begins from another base" if base != current else "holds other code"
        click.echo(f"The image {changed} than it would if it were built here: one will be built.")
    return ImageBuilder(clients, click.echo, base)


def _with_image(clients: Clients, stack: Stack, builder: ImageBuilder) -> Stack:
    """The stack with a job definition for the image of what is installed here."""
    from backfleet_executors.aws.stack.choices import StackChoices
    from backfleet_executors.aws.stack.deploy import prepare_deployment

    with closing(builder):
        image = builder.build_and_push(stack)
    # All choices that are not named stay as the change before has left them.
    preparation = prepare_deployment(
        clients, stack.name, StackChoices(image=image, base=builder.base)
    )
    show_preparation(clients, preparation)
    return _carry_out(clients, preparation)


def _carry_out(clients: Clients, preparation: Preparation) -> Stack:
    from backfleet_executors.aws.stack.deploy import carry_out

    try:
        return carry_out(clients, preparation, show_event)
    except KeyboardInterrupt:
        click.echo(
            "\nCloudFormation continues without this command; see 'backfleet aws status', and "
            "deploy again when it is done",
            err=True,
        )
        raise


def _write_settings(clients: Clients, stack: Stack) -> None:
    from backfleet_executors.aws.stack.settings_file import settings_of, write_settings
    from backfleet_executors.aws.stack.software import upload_software

    settings = settings_of(stack, clients.region)
    if "Notebook" in stack.outputs:
        upload_software(clients, stack, settings)
        click.echo(f"The notebook {stack.outputs['Notebook']} installs backfleet as it is here.")
    if settings["image"]:
        _publish_record(stack, settings["image"])
    write_settings(settings_file(), settings)
    click.echo(f"{settings_file().resolve()}: [executors.aws-batch] points to this stack")
    if settings["image"]:
        click.echo("Next: backfleet run job.toml --executor aws-batch")


def _publish_record(stack: Stack, image: str) -> None:
    """Let every machine that submits know what the image holds."""
    from backfleet_executors.aws.image_records import IMAGES, publish_record

    bucket = f"s3://{stack.outputs['ResultsBucket']}"
    if not publish_record(image, bucket):
        click.echo(
            f"The inventory of {image} is not known here, so {bucket}/{IMAGES} has no record of "
            "it and new runs are refused: deploy again on the machine that pushed the image, or "
            "after 'docker pull'",
            err=True,
        )
