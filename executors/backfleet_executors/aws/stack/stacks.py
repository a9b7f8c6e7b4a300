"""A stack as CloudFormation knows it, and what each of its states allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

__all__ = [
    "ARM64_PART",
    "TEAM_PART",
    "Stack",
    "check_name",
    "check_settled",
    "find_stack",
    "is_missing",
]

_NAME = re.compile(r"[a-z][a-z0-9-]{0,22}[a-z0-9]")
"""Names of buckets contain it: lower case, and short enough for the longest region."""

ARM64_PART = "-arm64"
TEAM_PART = "-team-"
"""Between the names of the stack and of the team, in the name of the team's stack."""

REVIEW = "REVIEW_IN_PROGRESS"
"""A stack that has a change set and nothing else."""

_ADVICE = {
    "CREATE_FAILED": "its creation never finished",
    "ROLLBACK_COMPLETE": "creating it failed, and what was created has been deleted again",
    "ROLLBACK_FAILED": "creating it failed, and so did deleting what was created",
    "DELETE_FAILED": "deleting it failed",
}
"""States out of which only destroying leads."""


@dataclass(frozen=True)
class Stack:
    """A stack as it is now.

    Attributes
    ----------
    id
        Its ARN, which finds it also when it has been deleted.
    status, reason
        As CloudFormation names them.
    role
        The ARN of the role by which CloudFormation acts; empty without one.
    """

    id: str
    name: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    role: str = ""

    @property
    def is_review(self) -> bool:
        """Whether it is nothing but a change set that nobody has executed."""
        return self.status == REVIEW

    @property
    def is_busy(self) -> bool:
        # A review waits for a person, and CloudFormation does nothing.
        return self.status.endswith("_IN_PROGRESS") and not self.is_review

    @property
    def is_sound(self) -> bool:
        """Whether it is whole, as made or as it was before an update that failed."""
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


def check_name(name: str) -> None:
    """Raise ExecutorError unless a stack, and its buckets, can have this name."""
    if not _NAME.fullmatch(name):
        raise ExecutorError(
            f"--name {name!r}: a name has 2 to 24 lower-case letters, digits and '-', and begins "
            "with a letter, for the buckets are named after it"
        )
    # It would be taken for a stack beside the one with whose name it begins.
    if TEAM_PART in name or name.endswith(ARM64_PART):
        raise ExecutorError(
            f"--name {name!r}: this is the name of a stack beside a main one; name the main "
            "stack, and use 'backfleet aws team' or 'backfleet aws arm64'"
        )


def find_stack(clients: Clients, name: str) -> Stack | None:
    """The stack of this name or ARN, or None where there is none. Raises ExecutorError."""
    from botocore.exceptions import ClientError

    with aws_errors(f"looking for the stack {name} in {clients.region}"):
        try:
            stacks = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if is_missing(error):
                return None
            raise
    return _stack(stacks[0]) if stacks else None


def check_settled(stack: Stack) -> None:
    """Raise ExecutorError, with what to do, unless the stack can be changed now."""
    if stack.is_busy:
        raise ExecutorError(
            f"stack {stack.name!r} is {stack.status}: somebody changes it just now; wait until "
            f"'backfleet aws status --name {stack.name}' says that it is done"
        )
    if stack.status in _ADVICE:
        reason = f" ({stack.reason})" if stack.reason else ""
        raise ExecutorError(
            f"stack {stack.name!r} is {stack.status}: {_ADVICE[stack.status]}{reason}; run "
            f"'backfleet aws destroy --name {stack.name}', which keeps the buckets, and deploy "
            "again"
        )
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        raise ExecutorError(
            f"stack {stack.name!r} is {stack.status}: an update failed, and so did undoing it "
            f"({stack.reason}); fix what is named there and run 'aws cloudformation "
            f"continue-update-rollback --stack-name {stack.name}'"
        )


def is_missing(error: ClientError) -> bool:
    """Whether CloudFormation says that there is no such stack."""
    answer = error.response["Error"]
    # CloudFormation has no error code of its own for it.
    return answer["Code"] == "ValidationError" and "does not exist" in answer.get("Message", "")


def _stack(description: Any) -> Stack:
    return Stack(
        id=description["StackId"],
        name=description["StackName"],
        status=description["StackStatus"],
        reason=description.get("StackStatusReason", ""),
        parameters={
            parameter["ParameterKey"]: parameter.get("ParameterValue", "")
            for parameter in description.get("Parameters", ())
        },
        outputs={
            output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", ())
        },
        tags={tag["Key"]: tag["Value"] for tag in description.get("Tags", ())},
        role=description.get("RoleARN", ""),
    )
