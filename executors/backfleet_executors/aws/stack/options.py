"""Options that the commands on a stack share: its name, and the choices for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from backfleet.errors import ExecutorError, UserError
from backfleet.executor import SETTINGS_FILE

if TYPE_CHECKING:
    from backfleet_executors.aws.clients import Clients
    from backfleet_executors.aws.stack.choices import StackChoices
    from backfleet_executors.aws.stack.stacks import Stack

__all__ = [
    "choice_options",
    "choices_of",
    "clients_for",
    "confirm",
    "existing_stack",
    "read_tags",
    "settings_file",
    "stack_options",
    "yes_option",
]

F = TypeVar("F", bound=Callable[..., Any])

yes_option = click.option("--yes", is_flag=True, help="Answer every question with yes.")

CHOICES = (
    click.option(
        "--image", help="The workers' image, by digest. By default, one is built and pushed."
    ),
    click.option("--vpc", help="An existing VPC. Without it, one is created."),
    click.option("--subnets", help="Subnets of the VPC, separated by commas."),
    click.option(
        "--availability-zones",
        "zones",
        metavar="NAMES",
        callback=lambda _, __, names: names.split(",") if names else None,
        help="Zones of the network, separated by commas. [all with Fargate, up to six]",
    ),
    click.option(
        "--private/--public",
        default=None,
        help="Run workers without public addresses; they reach AWS by endpoints. [public]",
    ),
    click.option(
        "--spot/--no-spot",
        default=None,
        help="Use Fargate Spot first, or only on-demand capacity. [spot]",
    ),
    click.option(
        "--max-vcpus",
        type=click.IntRange(min=1),
        help="Maximum number of vCPUs that a queue uses at once. [256]",
    ),
    click.option("--log-days", type=int, help="Number of days for which logs are kept. [30]"),
    click.option(
        "--email", help="E-mail address for notices about finished runs and blocked queues."
    ),
    click.option(
        "--notebook/--no-notebook",
        default=None,
        help="Also create a SageMaker notebook. [no notebook]",
    ),
    click.option(
        "--curator/--no-curator",
        default=None,
        help="Also create a role that can remove runs. [no curator]",
    ),
    click.option("--data-bucket", help="An existing bucket for the data."),
    click.option("--results-bucket", help="An existing bucket for the results."),
    click.option("--repository", help="An existing ECR repository."),
    click.option(
        "--kms-key", metavar="ARN", help="Key for buckets, logs, notices and new images. [AWS's]"
    ),
    click.option(
        "--permissions-boundary",
        "boundary",
        metavar="ARN",
        help="Policy that bounds every role of the stack. [none]",
    ),
    click.option(
        "--cloudformation-role",
        "role",
        metavar="ARN",
        help="Role by which CloudFormation acts. [your own permissions]",
    ),
    click.option(
        "--tag",
        "tags",
        metavar="KEY=VALUE",
        multiple=True,
        callback=lambda _, __, tags: read_tags(tags),
        help="Tag of the stack and its resources; can be repeated, and replaces earlier tags.",
    ),
)


def read_tags(texts: Sequence[str]) -> dict[str, str] | None:
    """The tags of `--tag`; None without any. Raises click.BadParameter."""
    tags = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE")
        # AWS reserves its prefix in every spelling, and backfleet finds its own things by its tags.
        if key.lower().startswith(("aws:", "backfleet:")):
            raise click.BadParameter(f"{key!r} is a tag of AWS or backfleet; choose another key")
        tags[key] = value
    # Without --tag the stack keeps the tags that it has.
    return tags or None


def stack_options(command: F) -> F:
    """`--name` and `--region`, which say which stack."""
    name = click.option(
        "--name",
        default="backfleet",
        show_default=True,
        help="The stack; its resources are named after it.",
    )
    region = click.option(
        "--region", help="AWS region. Default: that of backfleet.toml, or of the environment."
    )
    return name(region(command))


def choice_options(command: F) -> F:
    """Add the options for the choices of a stack. An option that is not given changes nothing."""
    # The last decorator that is applied comes first in --help.
    for option in reversed(CHOICES):
        command = option(command)
    return command


def choices_of(values: Mapping[str, Any]) -> StackChoices:
    """The values of `choice_options`."""
    from backfleet_executors.aws.stack.choices import StackChoices

    return StackChoices(**values)


def settings_file() -> Path:
    """backfleet.toml in the folder one works in."""
    return Path(SETTINGS_FILE)


def clients_for(region: str | None) -> Clients:
    """Clients of the region that is asked for, or set. Raises ExecutorError."""
    from backfleet.sdk import use_region
    from backfleet_executors.aws.clients import Clients
    from backfleet_executors.aws.stack.settings_file import read_region

    clients = Clients(region or read_region(settings_file()))
    # For the S3 clients of stores, which are made elsewhere.
    use_region(clients.region)
    return clients


def existing_stack(clients: Clients, name: str) -> Stack:
    """The stack of this name. Raises ExecutorError where there is none."""
    from backfleet_executors.aws.stack.stacks import find_stack

    stack = find_stack(clients, name)
    if stack is None or stack.is_review:
        raise ExecutorError(
            f"there is no stack {name!r} in {clients.region} of account {clients.account()}; check "
            "--name and --region, or make it with 'backfleet aws deploy'"
        )
    return stack


def confirm(question: str, yes: bool) -> None:
    """Ask, unless the answer was given beforehand. Raises UserError where it is not yes."""
    if yes:
        return
    try:
        agreed = click.confirm(question)
    # Ctrl-C, or no terminal to answer on. The cursor is still behind the question.
    except click.Abort:
        click.echo()
        raise UserError(
            "no confirmation was given and nothing was changed; pass --yes to skip the question"
        ) from None
    if not agreed:
        raise UserError("nothing was changed")
