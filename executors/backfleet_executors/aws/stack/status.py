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
    if stack.is_sound and "Queue" in stack.outputs:
        facts["settings"] = settings_of(stack, clients.region)
        facts["queues"] = _queues(clients, stack)
        facts["live_jobs"] = count_live_jobs(clients, stack)
    return facts


def _queues(clients: Clients, stack: Stack) -> list[dict[str, Any]]:
    """Each queue with its state and that of its compute environment, as AWS Batch names them."""
    names = list(dict.fromkeys([stack.outputs["Queue"], stack.outputs["OnDemandQueue"]]))
    with aws_errors("looking at the job queues"):
        queues = clients.batch.describe_job_queues(jobQueues=names)["jobQueues"]
        arns = [
            each["computeEnvironment"]
            for queue in queues
            for each in queue.get("computeEnvironmentOrder", ())
        ]
        answer = clients.batch.describe_compute_environments(computeEnvironments=arns)
    environments = {each["computeEnvironmentArn"]: each for each in answer["computeEnvironments"]}
    return [
        {
            "name": queue["jobQueueName"],
            "state": queue["state"],
            "status": queue.get("status", ""),
            "environments": [
                _environment(environments[each["computeEnvironment"]])
                for each in queue.get("computeEnvironmentOrder", ())
                if each["computeEnvironment"] in environments
            ],
        }
        for queue in queues
    ]


def _environment(found: Any) -> dict[str, Any]:
    resources = found.get("computeResources", {})
    return {
        "name": found["computeEnvironmentName"],
        "kind": resources.get("type", ""),
        "max_vcpus": resources.get("maxvCpus"),
        "state": found.get("state", ""),
        "status": found.get("status", ""),
        "reason": found.get("statusReason", ""),
    }
