"""A SageMaker notebook with backfleet installed and set up, for who wants no laptop."""

from __future__ import annotations

from backfleet_executors.aws.stack.intrinsics import Section, get_att, sub
from backfleet_executors.aws.stack.storage import KEY, RESULTS_BUCKET, SOFTWARE

__all__ = ["LAST", "ON_START", "PINS", "PYTHON", "RESOURCES", "WHEELS"]

LAST = "backfleet.toml"
"""Uploaded last: when it is there, all is."""

PINS, WHEELS, PYTHON = "pins.txt", "wheels.txt", "python.txt"
"""Versions of what comes from the package index, names of the wheels, and the version of Python."""

INSTANCE = "ml.t3.medium"
PLATFORM = "notebook-al2023-v1"

# It may take five minutes, and installing takes longer: it goes on in the background. Workers
# compare versions exactly, so the pins are installed and not only kept to. Another set of pins gets
# a folder of its own, so that nothing of an earlier one is left in it.
ON_START = f"""#!/bin/bash
cat > /tmp/backfleet.sh <<'END'
set -e
cd "$HOME/SageMaker"
mkdir -p .backfleet
exec > .backfleet/log 2>&1
until aws s3 cp "s3://${{Bucket}}/{SOFTWARE}/{LAST}" .backfleet; do sleep 20; done
aws s3 cp --recursive "s3://${{Bucket}}/{SOFTWARE}/" .backfleet
source "$HOME/anaconda3/bin/activate"
cd .backfleet
python=python-$(cat {PYTHON})-$(sha256sum {PINS} | cut -c 1-12)
[ -d $python ] || conda create --yes --prefix ./$python python=$(cat {PYTHON}) pip
$python/bin/python -m pip install --no-deps --requirement {PINS}
$python/bin/python -m pip install --no-deps --force-reinstall --requirement {WHEELS}
$python/bin/python -m pip install --constraint {PINS} ipykernel
$python/bin/python -m ipykernel install --user --name backfleet
[ -e ../{LAST} ] || cp {LAST} ..
$python/bin/python -m backfleet doctor
END
nohup sudo -u ec2-user -i bash /tmp/backfleet.sh > /tmp/backfleet.log 2>&1 &
"""

RESOURCES: Section = {
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
            "RoleArn": get_att("SubmitterRole", "Arn"),
            "LifecycleConfigName": get_att("NotebookStart", "NotebookInstanceLifecycleConfigName"),
            "RootAccess": "Disabled",
            "KmsKeyId": KEY,
        },
    },
}
