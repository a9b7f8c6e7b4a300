"""Events of jobs, on EventBridge and from there to SNS topics."""

from __future__ import annotations

import json
from typing import Any

from moto.batch.models import Job
from moto.events.models import Rule, events_backends
from moto.sns.models import sns_backends

__all__ = ["mend_events", "tell_state"]

_send_to_targets = Rule.send_to_targets


def tell_state(job: Job) -> None:
    """Put a "Batch Job State Change" event for the job as it is."""
    event = {
        "Source": "aws.batch",
        "DetailType": "Batch Job State Change",
        "Resources": [job.arn],
        "Detail": json.dumps(job.describe()),
    }
    events_backends[job.backend.account_id][job.backend.region_name].put_events([event])


def _send(self: Rule, original_event: Any, transform_input: bool = True) -> None:
    """Also to SNS, which moto refuses as a target; and nothing to what runs by the clock."""
    if self.scheduled_expression:
        return
    topics = [target for target in self.targets if ":sns:" in target["Arn"]]
    if topics and self.event_pattern.matches_event(original_event):
        backend = sns_backends[self.account_id][self.region_name]
        for topic in topics:
            backend.publish(json.dumps(original_event, default=str), arn=topic["Arn"])
    everything = self.targets
    self.targets = [target for target in everything if target not in topics]
    try:
        _send_to_targets(self, original_event, transform_input)
    finally:
        self.targets = everything


def mend_events() -> None:
    Rule.send_to_targets = _send  # type: ignore[method-assign]  # moto has no seam for it
