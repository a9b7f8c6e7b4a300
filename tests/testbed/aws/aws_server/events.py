"""Events of jobs, on EventBridge and from there to SNS topics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
            backend.publish(_message(topic, original_event), arn=topic["Arn"])
    everything = self.targets
    self.targets = [target for target in everything if target not in topics]
    try:
        _send_to_targets(self, original_event, transform_input)
    finally:
        self.targets = everything


def _message(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """The event, or what the transformer of its target makes of it."""
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event, default=str)
    text = str(transformer["InputTemplate"])
    for name, path in transformer["InputPathsMap"].items():
        # A path that leads nowhere is an empty text.
        text = text.replace(f"<{name}>", str(_value(event, path.split(".")[1:])))
    return text


def _value(part: Any, names: Sequence[str]) -> Any:
    for name in names:
        part = part.get(name, "") if isinstance(part, dict) else ""
    return part


def mend_events() -> None:
    Rule.send_to_targets = _send  # type: ignore[method-assign]  # moto has no seam for it
