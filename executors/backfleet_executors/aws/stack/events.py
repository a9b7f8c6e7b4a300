"""News of runs and queues by e-mail or any other subscription, and the hourly clean-up."""

from __future__ import annotations

import json
from typing import Any

from backfleet_executors.aws import cleanup
from backfleet_executors.aws.stack.compute import JOB_DEFINITION, QUEUE_ARNS
from backfleet_executors.aws.stack.intrinsics import (
    Section,
    get_att,
    policy,
    ref,
    sub,
)
from backfleet_executors.aws.stack.storage import KEY

__all__ = ["NEWS", "RESOURCES"]

CLEANED = ",".join(
    f"${{AWS::StackName}}-{name}-fair"
    for name in ("spot", "on-demand", "arm64-spot", "arm64-on-demand")
)
"""Queues of which the clean-up looks at those that are there."""

STUCK_HOURS = 24
"""In which nothing of a job has started."""

MAX_HOURS = 168
"""As long as the longest time limit of a worker (`batch/time_limit.py`)."""
# Fewer than the images that the repository keeps (`registry.KEPT_IMAGES`).
KEPT_REVISIONS = 20
CLEANUP_SECONDS = 300


JOB = {"name": "$.detail.jobName", "status": "$.detail.status", "region": "$.region"}


def _rule(pattern: Section, paths: Section, sentence: str) -> dict[str, Any]:
    """A rule that sends a sentence, in which `<name>` is the value at a path of the event."""
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {"source": ["aws.batch"]} | dict(pattern),
            "Targets": [
                {
                    "Id": "news",
                    "Arn": ref("Topic"),
                    "InputTransformer": {
                        "InputPathsMap": dict(paths),
                        # EventBridge wants a text in double quotes, which JSON writes likewise.
                        "InputTemplate": json.dumps(sentence),
                    },
                }
            ],
        },
    }


OF_THIS_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}


def _may_publish(service: str, condition: Section) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sns:Publish",
        "Resource": ref("Topic"),
        "Condition": condition,
    }


def _function() -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        # At its first run Lambda would make the log group itself, without retention or key, and the
        # template could not make it any more.
        "DependsOn": "CleanupLogGroup",
        "Properties": {
            "FunctionName": sub("${AWS::StackName}-cleanup"),
            "Runtime": "python3.12",
            "Handler": "index.handle",
            "Role": get_att("CleanupRole", "Arn"),
            "Timeout": CLEANUP_SECONDS,
            "KmsKeyArn": KEY,
            # CloudFormation writes it to index.py, after which the handler is named.
            "Code": {"ZipFile": cleanup.source()},
            "Environment": {
                "Variables": {
                    "QUEUES": sub(CLEANED),
                    "JOB_DEFINITION": JOB_DEFINITION,
                    "STUCK_HOURS": str(STUCK_HOURS),
                    "MAX_HOURS": str(MAX_HOURS),
                    "KEPT_REVISIONS": str(KEPT_REVISIONS),
                }
            },
        },
    }


RULES = sub(
    "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-*"
)

NEWS: Section = {
    # A job or a whole array has ended.
    "JobEnded": _rule(
        {
            "detail-type": ["Batch Job State Change"],
            "detail": {
                "jobQueue": QUEUE_ARNS,
                "status": ["SUCCEEDED", "FAILED"],
                # The children of an array would be thousands of messages.
                "arrayProperties": {"index": [{"exists": False}]},
            },
        },
        JOB | {"why": "$.detail.statusReason"},
        "The job <name> in <region> has ended: <status>. <why> (see: backfleet status)",
    ),
    # The job at the head of a queue cannot start.
    "QueueBlocked": _rule(
        {"detail-type": ["Batch Job Queue Blocked"], "detail": {"jobQueue": QUEUE_ARNS}},
        JOB | {"why": "$.detail.statusReason"},
        "The job <name> in <region> blocks its queue: <why> (see: backfleet status)",
    ),
}
"""Rules for the queues of a template, which send to its `Topic`."""

RESOURCES: Section = {
    "Topic": {
        "Type": "AWS::SNS::Topic",
        "Properties": {"TopicName": sub("${AWS::StackName}-news"), "KmsMasterKeyId": KEY},
    },
    "TopicPolicy": {
        "Type": "AWS::SNS::TopicPolicy",
        "Properties": {
            "Topics": [ref("Topic")],
            "PolicyDocument": policy(
                # Also by the rules of the stack for ARM64.
                _may_publish("events.amazonaws.com", {"ArnLike": {"aws:SourceArn": RULES}}),
                _may_publish(
                    "cloudwatch.amazonaws.com",
                    OF_THIS_ACCOUNT,
                ),
                _may_publish("budgets.amazonaws.com", OF_THIS_ACCOUNT),
            ),
        },
    },
    "EmailSubscription": {
        "Type": "AWS::SNS::Subscription",
        "Condition": "HasEmail",
        "Properties": {"TopicArn": ref("Topic"), "Protocol": "email", "Endpoint": ref("Email")},
    },
    **NEWS,
    "CleanupLogGroup": {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": sub("/aws/lambda/${AWS::StackName}-cleanup"),
            "KmsKeyId": KEY,
            "RetentionInDays": ref("LogDays"),
        },
    },
    "Cleanup": _function(),
    "CleanupSchedule": {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "ScheduleExpression": "rate(1 hour)",
            "Targets": [{"Id": "cleanup", "Arn": get_att("Cleanup", "Arn")}],
        },
    },
    # A rule may call a function only if the function's own policy says so.
    # A rule may call a function only if the function's own policy allows it.
    "CleanupPermission": {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": get_att("Cleanup", "Arn"),
            "Principal": "events.amazonaws.com",
            "SourceArn": get_att("CleanupSchedule", "Arn"),
        },
    },
}
