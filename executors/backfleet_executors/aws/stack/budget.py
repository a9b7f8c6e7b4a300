"""The monthly budget of a stack: a notice when its jobs have cost most of an amount.

It is made by the API and not by the template: where CloudFormation does not know budgets, it would
refuse the whole template.
"""

from __future__ import annotations

from typing import Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors, error_code
from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["STACK_TAG", "check_budget", "remove_budget", "set_budget"]

STACK_TAG = "backfleet:stack"
"""The tag of everything whose cost counts. It must be activated for cost allocation."""

NOTICE_PERCENT = 80.0
PARTITIONS = ("aws", "aws-cn")


def check_budget(clients: Clients) -> None:
    """Raise ExecutorError where AWS has no budgets."""
    if clients.partition not in PARTITIONS:
        raise ExecutorError(
            f"--budget: AWS Budgets is not available in {clients.region}; deploy without it"
        )


def set_budget(clients: Clients, stack: Stack, dollars: float) -> None:
    """Create the budget, or change its amount. Raises ExecutorError."""
    budget = {
        "BudgetName": _name(stack),
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": f"{dollars:.2f}", "Unit": "USD"},
        # AWS Budgets writes a tag of the user's as user:KEY$VALUE.
        "CostFilters": {"TagKeyValue": [f"user:{STACK_TAG}${stack.name}"]},
    }
    with aws_errors(f"setting the budget {_name(stack)}"):
        try:
            clients.budgets.create_budget(
                AccountId=clients.account(),
                Budget=budget,
                NotificationsWithSubscribers=[_notice(stack)],
            )
        # No call of the API creates or updates. The update leaves the notice as it is.
        except clients.budgets.exceptions.DuplicateRecordException:
            clients.budgets.update_budget(AccountId=clients.account(), NewBudget=budget)


def remove_budget(clients: Clients, stack: Stack) -> None:
    """Delete the budget if there is one. Raises ExecutorError."""
    from botocore.exceptions import ClientError

    if clients.partition not in PARTITIONS:
        return
    with aws_errors(f"deleting the budget {_name(stack)}"):
        try:
            clients.budgets.delete_budget(AccountId=clients.account(), BudgetName=_name(stack))
        except ClientError as error:
            # Most stacks have no budget.
            if error_code(error) != "NotFoundException":
                raise


def _name(stack: Stack) -> str:
    return f"{stack.name}-monthly"


def _notice(stack: Stack) -> dict[str, Any]:
    return {
        "Notification": {
            "NotificationType": "ACTUAL",
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": NOTICE_PERCENT,
            "ThresholdType": "PERCENTAGE",
        },
        "Subscribers": [{"SubscriptionType": "SNS", "Address": stack.outputs["Topic"]}],
    }
