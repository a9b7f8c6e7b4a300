"""Bringing data to S3: only what changed, verified."""

from backfleet_executors.aws.data.progress import push_progress
from backfleet_executors.aws.data.push import Pushed, Pushing, push

__all__ = ["Pushed", "Pushing", "push", "push_progress"]
