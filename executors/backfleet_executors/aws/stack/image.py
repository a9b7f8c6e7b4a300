"""The workers' image, built of what is installed here and pushed to the stack's repository."""

from __future__ import annotations

from collections.abc import Callable

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.stack.stacks import Stack

__all__ = ["build_and_push"]


def build_and_push(clients: Clients, stack: Stack, show: Callable[[str], None]) -> str:
    """The digest reference of the image that holds the code installed here.

    Raises ExecutorError where there is no Docker engine to build it with.
    """
    raise ExecutorError("pass --image REGISTRY/REPOSITORY@sha256:...")
