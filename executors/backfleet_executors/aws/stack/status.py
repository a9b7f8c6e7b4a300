"""The status of a stack: its state, its queues, its image, and its running jobs."""

from __future__ import annotations

from typing import Any

from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors
from backfleet_executors.aws.stack.destroy import count_live_jobs
from backfleet_executors.aws.stack.settings_file import settings_of
from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["status_of"]


def status_of(clients: Clients, stack: Stack) -> dict[str, Any]:
    """Facts on a stack as plain JSON. Raises ExecutorError."""
    facts: dict[str, Any] = {
        "name": stack.name,
        "region": clients.region,
        "account": clients.account(),
        "status": stack.status,
        "reason": stack.reason,
        "parameters": dict(stack.parameters),
        "outputs": dict(stack.outputs),
    }
    # A stack that failed may lack any of it, and its state is what one wants to see then.
    if stack.is_sound and "Queue" in stack.outputs:
        facts["settings"] = settings_of(stack, clients.region)
        facts["queues"] = _queues(clients, stack)
        facts["live_jobs"] = count_live_jobs(clients, stack)
    return facts


def _queues(clients: Clients, stack: Stack) -> list[dict[str, Any]]:
    """Each queue with its state and that of its compute environment, as AWS Batch names them."""
    # Without Spot both outputs name one queue.
    names = list(dict.fromkeys([stack.outputs["Queue"], stack.outputs["OnDemandQueue"]]))
    with aws_errors("looking at the job queues"):
        queues = clients.batch.describe_job_queues(jobQueues=names)["jobQueues"]
        arns = [
            item["computeEnvironment"]
            for queue in queues
            for item in queue.get("computeEnvironmentOrder", ())
        ]
        answer = clients.batch.describe_compute_environments(computeEnvironments=arns)
    environments = {
        environment["computeEnvironmentArn"]: environment
        for environment in answer["computeEnvironments"]
    }
    return [
        {
            "name": queue["jobQueueName"],
            "state": queue["state"],
            "status": queue.get("status", ""),
            "environments": [
                _environment(environments[item["computeEnvironment"]])
                for item in queue.get("computeEnvironmentOrder", ())
                if item["computeEnvironment"] in environments
            ],
        }
        for queue in queues
    ]


def _environment(environment: Any) -> dict[str, Any]:
    resources = environment.get("computeResources", {})
    return {
        "name": environment["computeEnvironmentName"],
        "kind": resources.get("type", ""),
        "max_vcpus": resources.get("maxvCpus"),
        "state": environment.get("state", ""),
        "status": environment.get("status", ""),
        "reason": environment.get("statusReason", ""),
    }
