"""A SageMaker notebook with backfleet installed and set up, for who wants no laptop."""

from __future__ import annotations

from backfleet_executors.aws.stack.intrinsics import (
    Section,
    allow,
    get_att,
    policy,
    ref,
    sub,
    trust,
)
from backfleet_executors.aws.stack.storage import RESULTS_BUCKET, results_arn

__all__ = ["LAST", "RESOURCES", "SOFTWARE"]

SOFTWARE = "software"
"""The prefix of the results bucket from which a notebook takes backfleet's wheel and settings."""

LAST = "backfleet.toml"
"""Uploaded last: when it is there, all is."""

INSTANCE = "ml.t3.medium"
PLATFORM = "notebook-al2-v3"

# It may take five minutes, and installing takes longer: it goes on in the background.
ON_START = f"""#!/bin/bash
cat > /tmp/backfleet.sh <<'END'
set -e
cd /home/ec2-user/SageMaker
mkdir -p .backfleet
until aws s3 cp "s3://${{Bucket}}/{SOFTWARE}/{LAST}" .backfleet; do sleep 20; done
aws s3 cp --recursive "s3://${{Bucket}}/{SOFTWARE}/" .backfleet
source /home/ec2-user/anaconda3/bin/activate
[ -d .backfleet/python ] || conda create --yes --prefix .backfleet/python python=3.11 ipykernel
.backfleet/python/bin/pip install --upgrade .backfleet/*.whl
.backfleet/python/bin/python -m ipykernel install --user --name backfleet
[ -e {LAST} ] || cp .backfleet/{LAST} .
END
nohup sudo -u ec2-user -i bash /tmp/backfleet.sh > /tmp/backfleet.log 2>&1 &
"""

RESOURCES: Section = {
    "NotebookRole": {
        "Type": "AWS::IAM::Role",
        "Condition": "HasNotebook",
        "Properties": {
            "AssumeRolePolicyDocument": trust("sagemaker.amazonaws.com"),
            "ManagedPolicyArns": [ref("SubmitterPolicy")],
            "Policies": [
                {
                    "PolicyName": "software",
                    "PolicyDocument": policy(
                        allow("ReadSoftware", "s3:GetObject", results_arn(f"/{SOFTWARE}/*"))
                    ),
                }
            ],
        },
    },
    "NotebookStart": {
        "Type": "AWS::SageMaker::NotebookInstanceLifecycleConfig",
        "Condition": "HasNotebook",
        "Properties": {
            "NotebookInstanceLifecycleConfigName": sub("${AWS::StackName}-start"),
            "OnStart": [
                {"Content": {"Fn::Base64": {"Fn::Sub": [ON_START, {"Bucket": RESULTS_BUCKET}]}}}
            ],
        },
    },
    "Notebook": {
        "Type": "AWS::SageMaker::NotebookInstance",
        "Condition": "HasNotebook",
        "Properties": {
            "NotebookInstanceName": sub("${AWS::StackName}"),
            "InstanceType": INSTANCE,
            "PlatformIdentifier": PLATFORM,
            "RoleArn": get_att("NotebookRole", "Arn"),
            "LifecycleConfigName": get_att("NotebookStart", "NotebookInstanceLifecycleConfigName"),
            "RootAccess": "Disabled",
        },
    },
}
