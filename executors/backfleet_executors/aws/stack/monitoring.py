"""The workers' logs, a dashboard, and alarms on what nobody would notice."""

from __future__ import annotations

import json
from typing import Any

from backfleet_executors.aws.stack.intrinsics import Section, ref, sub
from backfleet_executors.aws.stack.storage import KEY

__all__ = ["RESOURCES"]

FIVE_MINUTES = 300
HOUR = 3600
QUOTA_PERCENT = 90

CLEANUP_FUNCTION = "${AWS::StackName}-cleanup"


def _fargate_metric(kind: str) -> dict[str, Any]:
    """vCPU of Fargate that run in the account, as Service Quotas counts them."""
    dimensions = {"Service": "Fargate", "Resource": "vCPU", "Type": "Resource", "Class": kind}
    return {
        "Namespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
    }


def _alarm(description: str, properties: Section) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "AlarmActions": [ref("Topic")],
            "EvaluationPeriods": 1,
        }
        | dict(properties),
    }


def _cleanup_alarm(description: str, metric: str, properties: Section) -> dict[str, Any]:
    return _alarm(
        description,
        {
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Dimensions": [{"Name": "FunctionName", "Value": ref("Cleanup")}],
            "Statistic": "Sum",
            # The clean-up runs once an hour.
            "Period": HOUR,
            "Threshold": 1,
        }
        | dict(properties),
    )


def _quota_alarm(kind: str) -> dict[str, Any]:
    return _alarm(
        f"Fargate runs over {QUOTA_PERCENT} % of the vCPU that the account may run ({kind})",
        {
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": QUOTA_PERCENT,
            "TreatMissingData": "notBreaching",
            "Metrics": [
                {
                    "Id": "used",
                    # An alarm is on exactly one metric that returns data, and that is the
                    # percentage.
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": _fargate_metric(kind),
                        "Period": FIVE_MINUTES,
                        "Stat": "Maximum",
                    },
                },
                # CloudWatch knows the account's quota for metrics of AWS/Usage.
                {"Id": "percent", "Expression": "100 * used / SERVICE_QUOTA(used)"},
            ],
        },
    )


def _graph(title: str, x: int, y: int, metrics: list[list[str]]) -> dict[str, Any]:
    return {
        "type": "metric",
        "x": x,
        "y": y,
        # Half of a dashboard, which has 24 columns.
        "width": 12,
        "height": 6,
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "period": FIVE_MINUTES,
            # The graph on top shows vCPU that run; those below count events.
            "stat": "Sum" if y else "Maximum",
            "metrics": metrics,
        },
    }


def _usage(kind: str) -> list[str]:
    metric = _fargate_metric(kind)
    dimensions = [text for dimension in metric["Dimensions"] for text in dimension.values()]
    return [metric["Namespace"], metric["MetricName"], *dimensions]


def _dashboard() -> str:
    ended = [
        # Fn::Sub puts in the physical name of the rule that has this logical name.
        ["AWS/Events", "MatchedEvents", "RuleName", f"${{{rule}}}"]
        for rule in ("JobEnded", "QueueBlocked")
    ]
    cleanup = [
        ["AWS/Lambda", metric, "FunctionName", CLEANUP_FUNCTION]
        for metric in ("Invocations", "Errors")
    ]
    logs = {
        "type": "log",
        "x": 0,
        "y": 12,
        "width": 24,
        "height": 6,
        "properties": {
            "title": "What workers wrote last",
            "region": "${AWS::Region}",
            "view": "table",
            "query": "SOURCE '${LogGroup}' | fields @timestamp, @message, @logStream "
            "| sort @timestamp desc | limit 50",
        },
    }
    usage = [_usage("Standard/Spot"), _usage("Standard/OnDemand")]
    graphs = [
        _graph("vCPU running on Fargate", 0, 0, usage),
        _graph("Jobs ended, queues blocked", 0, 6, ended),
        _graph("Clean-up", 12, 6, cleanup),
    ]
    return json.dumps({"widgets": [*graphs, logs]}, separators=(",", ":"))


RESOURCES: Section = {
    "LogGroup": {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": sub("/backfleet/${AWS::StackName}"),
            "KmsKeyId": KEY,
            "RetentionInDays": ref("LogDays"),
        },
    },
    "Dashboard": {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": sub("${AWS::StackName}"),
            "DashboardBody": sub(_dashboard()),
        },
    },
    "CleanupFailed": _cleanup_alarm(
        "The clean-up of backfleet failed",
        "Errors",
        {
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
        },
    ),
    # A new alarm lacks data, and only a change of its state sends a message. If missing data were a
    # breach, every deployment would send one before the clean-up could run for the first time.
    "CleanupMissing": _cleanup_alarm(
        "The clean-up of backfleet has not run for three hours",
        "Invocations",
        {
            "ComparisonOperator": "LessThanThreshold",
            "EvaluationPeriods": 3,
            "TreatMissingData": "missing",
            "AlarmActions": [],
            "InsufficientDataActions": [ref("Topic")],
        },
    ),
    "SpotNearQuota": _quota_alarm("Standard/Spot") | {"Condition": "HasSpot"},
    "OnDemandNearQuota": _quota_alarm("Standard/OnDemand"),
}
