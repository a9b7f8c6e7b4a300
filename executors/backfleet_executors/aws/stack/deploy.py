"""Bringing a stack to what is wanted: looked at first, changed then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.change_set import (
    ChangeSet,
    StackRequest,
    delete_review,
    discard,
    execute,
    prepare,
)
from backfleet_executors.aws.stack.choices import StackChoices, check_image
from backfleet_executors.aws.stack.disruption import check_idle
from backfleet_executors.aws.stack.encryption import bucket_keys, check_key
from backfleet_executors.aws.stack.existing import check_existing
from backfleet_executors.aws.stack.retained_resources import RetainedResources, find_retained
from backfleet_executors.aws.stack.service_roles import create_service_role, missing_service_roles
from backfleet_executors.aws.stack.stacks import Stack, check_name, check_settled, find_stack
from backfleet_executors.aws.stack.template import render
from backfleet_executors.aws.stack.watch import StackEvent, StackWatch
from backfleet_executors.aws.stack.zones import find_zones

__all__ = ["Preparation", "carry_out", "drop", "prepare_deployment"]

CHINA = "aws-cn"


@dataclass(frozen=True)
class Preparation:
    """The planned changes of a deployment, none of which is done yet.

    Attributes
    ----------
    stack
        As it is, or None where it will be made.
    parameters
        With which the template will be used.
    adopted
        What an earlier stack of this name has left, and this one takes up.
    service_roles
        Services whose role the account lacks.
    tags
        Of the stack and of its resources.
    change_set
        None where the stack is as it should be.
    """

    name: str
    stack: Stack | None
    parameters: Mapping[str, str]
    adopted: RetainedResources
    service_roles: Sequence[str]
    tags: Mapping[str, str]
    change_set: ChangeSet | None

    @property
    def has_image(self) -> bool:
        return bool(self.parameters["Image"])


def prepare_deployment(clients: Clients, name: str, choices: StackChoices) -> Preparation:
    """Look at the account and have CloudFormation work out the changes.

    Raises
    ------
    ExecutorError
        Where something is missing, taken or in a state that deploying does not lead out of.
    """
    check_name(name)
    if choices.image:
        check_image(choices.image)
    stack = _settled_stack(clients, name)
    # Only a new stack takes up what an earlier one left; one that is there has its buckets.
    adopted = RetainedResources() if stack else find_retained(clients, name, choices)
    choices = _with_zones(clients, choices, stack)
    # After `adopted`: a repository that is taken up keeps its encryption.
    choices = _with_key(clients, choices, stack, adopted)
    parameters = _chosen(clients, choices, stack, adopted)
    check_existing(clients, parameters)
    _check_spot(clients, parameters)
    # After the check that the buckets are there, for their encryption is read.
    parameters["BucketKeys"] = ",".join(_bucket_keys(clients, parameters))
    # A request replaces all tags of a stack, so that those which stay are named again.
    tags = choices.tags if choices.tags is not None else stack.tags if stack else {}
    # Last, after all checks: a change set is the first thing that exists in the account.
    request = StackRequest(name, render(), parameters, tags, choices.role or "")
    return Preparation(
        name=name,
        stack=stack,
        parameters=parameters,
        adopted=adopted,
        service_roles=missing_service_roles(clients),
        tags=tags,
        change_set=prepare(clients, request, stack),
    )


def carry_out(
    clients: Clients, preparation: Preparation, show: Callable[[StackEvent], None]
) -> Stack:
    """Do what was prepared and wait until it is done.

    Raises ExecutorError where it fails; CloudFormation has then undone it, or says what it could
    not undo. The same if it would end jobs, which may have been submitted in the meantime.
    """
    try:
        # Jobs may have been submitted while the plan was shown.
        check_idle(clients, preparation)
    except ExecutorError:
        drop(clients, preparation)
        raise
    # Before the change, since Batch makes no compute environment without them.
    for service in preparation.service_roles:
        create_service_role(clients, service)
    change_set = preparation.change_set
    if change_set is None:
        assert preparation.stack is not None
        return preparation.stack
    # Before the change begins: what is there now are the events of earlier changes.
    watch = StackWatch(clients, change_set.stack_id, show)
    execute(clients, change_set)
    return watch.wait()


def drop(clients: Clients, preparation: Preparation) -> None:
    """Leave the account as it was before the preparation."""
    if preparation.change_set is not None:
        discard(clients, preparation.change_set)


def _settled_stack(clients: Clients, name: str) -> Stack | None:
    """The stack, ready to be changed; what a plan that was killed has left is taken away."""
    stack = find_stack(clients, name)
    if stack is None:
        return None
    if stack.is_review:
        delete_review(clients, stack.id)
        return None
    check_settled(stack)
    return stack


def _chosen(
    clients: Clients, choices: StackChoices, stack: Stack | None, adopted: RetainedResources
) -> dict[str, str]:
    choices = replace(
        choices,
        # A bucket has one policy, and the stack's would replace the one that the user's bucket has.
        set_data_policy=_is_own(choices.data_bucket),
        set_results_policy=_is_own(choices.results_bucket),
    )
    if stack is None:
        choices = replace(
            choices,
            # For the template an adopted bucket is an existing one, and it keeps the stack's
            # policy, because the switches above follow from the user's choices alone.
            data_bucket=choices.data_bucket or adopted.data_bucket,
            results_bucket=choices.results_bucket or adopted.results_bucket,
            repository=choices.repository or adopted.repository,
            spot=clients.partition != CHINA if choices.spot is None else choices.spot,
        )
    return choices.parameters(stack.parameters if stack else {})


def _with_zones(clients: Clients, choices: StackChoices, stack: Stack | None) -> StackChoices:
    """The choices with all zones for a new network; one that is there keeps its zones."""
    # An option that is not given leaves what the stack has.
    vpc = choices.vpc if choices.vpc is not None else stack and stack.parameters.get("VpcId")
    has_zones = stack is not None and bool(stack.parameters.get("ZoneA"))
    if vpc:
        if choices.zones:
            raise ExecutorError(
                "--availability-zones is for a network of the stack's own, and "
                "--vpc names another; leave one of them out"
            )
        return choices
    # The zone of a subnet is create-only: other zones would replace subnets in which workers run.
    if choices.zones is None and has_zones:
        return choices
    return replace(choices, zones=find_zones(clients, choices.zones or ()))


def _with_key(
    clients: Clients, choices: StackChoices, stack: Stack | None, adopted: RetainedResources
) -> StackChoices:
    """The choices with the ARN of the key, which a new repository gets too."""
    if not choices.kms_key:
        return choices
    key = check_key(clients, choices.kms_key)
    # The encryption of a repository is create-only.
    makes_repository = stack is None and not (choices.repository or adopted.repository)
    return replace(choices, kms_key=key, repository_key=key if makes_repository else None)


def _bucket_keys(clients: Clients, parameters: Mapping[str, str]) -> list[str]:
    """Return all keys of the buckets: objects under an earlier key can only be read with it."""
    names = (parameters["DataBucketName"], parameters["ResultsBucketName"])
    known = [parameters["KmsKey"], *parameters["BucketKeys"].split(",")]
    return bucket_keys(clients, filter(None, names), known)


def _is_own(bucket: str | None) -> bool | None:
    """Whether the stack's own bucket is chosen; None where nothing is."""
    return None if bucket is None else bucket == ""


def _check_spot(clients: Clients, parameters: Mapping[str, str]) -> None:
    if parameters["Spot"] == "true" and clients.partition == CHINA:
        raise ExecutorError(
            f"{clients.region} has no Fargate Spot for AWS Batch; leave out --spot, then all "
            "workers run on demand"
        )
