"""What a deployment makes, made through the API, and how tests look at it."""

from __future__ import annotations

import json
import os
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import boto3

from backfleet.code.hashes import distribution_hashes
from backfleet.sdk import IMAGE_INVENTORY, canonical_digest, encode_record
from backfleet_executors.images.inventory import IMAGE, ImageRecord
from policy_evaluator import Rendering
from testbed.aws.server import CLEANUP, COMPACTION, CURATOR, REGION, SUBMITTER, WORKER

__all__ = ["LOCKED_DOWN", "SHARE", "AwsServer", "deploy", "make_bucket", "submit_long_job"]

ACCOUNT = "123456789012"
ENDED = ("SUCCEEDED", "FAILED")
LOG_GROUP = "/aws/batch/backfleet"
ROLE_OF_TASKS = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}'
)
SHARE: Mapping[str, Any] = {"shareIdentifier": "usertests", "schedulingPriorityOverride": 1}
"""What a job that a test submits itself needs on a queue of the deployment."""

LOCKED_DOWN: Mapping[str, Any] = {
    "user": "10001:10001",
    "readonlyRootFilesystem": True,
    "volumes": [{"name": "scratch"}],
    "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/tmp", "readOnly": False}],
    "environment": [{"name": "HOME", "value": "/tmp"}, {"name": "TMPDIR", "value": "/tmp"}],
    "linuxParameters": {"initProcessEnabled": True},
}


@dataclass(frozen=True)
class AwsServer:
    """A server and what a deployment would have made there.

    Attributes
    ----------
    environment
        What the tests' own process has in its environment too while the fixture is in use.
    bucket, data_bucket
        For results and for data; the policies of the template govern the first.
    image
        What the job definition runs.
    job_definition
        Its name.
    """

    url: str
    environment: Mapping[str, str]
    bucket: str
    data_bucket: str = ""
    compute_environment: str = ""
    queue: str = ""
    on_demand_queue: str = ""
    job_definition: str = ""
    image: str = ""
    log_group: str = LOG_GROUP
    region: str = REGION
    account: str = ACCOUNT

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client, not the one that the code under test uses."""
        if options:
            return _session().client(service, endpoint_url=self.url, **options)
        return _made(service, self.url)

    def register(self, name: str, **properties: Any) -> str:
        """A job definition of 1 vCPU and 2 GiB; returns its ARN."""
        batch = self.client("batch")
        roles = f"arn:aws:iam::{ACCOUNT}:role"
        container = {
            "image": self.image,
            "command": [],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "2048"},
            ],
            "executionRoleArn": f"{roles}/{_role()}",
            "jobRoleArn": f"{roles}/{_role()}",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": LOG_GROUP, "awslogs-stream-prefix": "backfleet"},
            },
        }
        answer = batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            platformCapabilities=["FARGATE"],
            containerProperties=container | properties,
            timeout={"attemptDurationSeconds": 3600},
        )
        arn: str = answer["jobDefinitionArn"]
        return arn

    def fifo_queue(self) -> str:
        """The name of a new queue without a scheduling policy."""
        name = f"{self.queue}-fifo"
        order = [{"order": 1, "computeEnvironment": self.compute_environment}]
        self.client("batch").create_job_queue(
            jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order
        )
        return name

    @property
    def settings(self) -> dict[str, str]:
        """The executor's settings, as a deployment writes them."""
        return {
            "region": self.region,
            "queue": self.queue,
            "on_demand_queue": self.on_demand_queue,
            "job_definition": self.job_definition,
            "store": f"s3://{self.bucket}/runs",
            "data": f"s3://{self.data_bucket}/data",
            "log_group": self.log_group,
        }

    def settings_file(self, image: str) -> str:
        """The text of a `backfleet.toml` with these settings and a workers' image."""
        settings = self.settings | {"image": image}
        lines = [f'{name} = "{value}"' for name, value in settings.items()]
        return "\n".join(["[executors.aws-batch]", *lines, ""])

    def known_image(self) -> str:
        """The workers' image; where they are processes, its record in the bucket
        says that it holds what is installed."""
        if "@" in self.image:
            return self.image
        digest = f"sha256:{1:064}"
        inventory = distribution_hashes(["backfleet", "backtrader"])
        image = f"backfleet@{digest}"
        key = f"images/{digest.removeprefix('sha256:')}.json"
        content = encode_record(IMAGE, ImageRecord(inventory, "amd64"))
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=content)
        sha256 = {"name": IMAGE_INVENTORY, "value": canonical_digest(inventory)}
        self.register(self.job_definition, image=image, environment=[sha256])
        return image

    def job(self, job_id: str) -> Mapping[str, Any]:
        """What DescribeJobs says of one job."""
        (described,) = self.client("batch").describe_jobs(jobs=[job_id])["jobs"]
        job: Mapping[str, Any] = described
        return job

    def wait(self, job_id: str, states: Sequence[str] = ENDED, seconds: float = 60) -> Any:
        """The job once it is in one of the states."""
        end = time.monotonic() + seconds
        while True:
            job = self.job(job_id)
            if job["status"] in states:
                return job
            assert time.monotonic() < end, f"{job_id} is {job['status']}, not {' or '.join(states)}"
            time.sleep(0.1)

    def rendered_policies(self) -> dict[str, Any]:
        """Return what the template says of these buckets and of the roles that use them."""
        names = {
            "ResultsBucket": self.bucket,
            "DataBucket": self.data_bucket,
            "LogGroup": self.log_group,
        }
        rendering = Rendering(self.job_definition.removesuffix("-worker"), names)
        return {
            "roles": {
                WORKER: rendering.statements_of("JobRole"),
                CURATOR: rendering.statements_of("CuratorRole"),
                COMPACTION: rendering.statements_of("CompactionRole"),
                SUBMITTER: rendering.statements_of("SubmitterRole"),
                CLEANUP: rendering.statements_of("CleanupRole"),
            },
            "buckets": {
                self.bucket: rendering.statements_of("ResultsBucketPolicy"),
                self.data_bucket: rendering.statements_of("DataBucketPolicy"),
            },
            "names": [self.queue, self.on_demand_queue, self.job_definition, self.log_group],
        }

    def enforce(self, policies: Mapping[str, Any]) -> None:
        """Have the server enforce policies, in place of earlier ones for the same buckets."""
        body = json.dumps(policies).encode()
        request = urllib.request.Request(f"{self.url}/testbed/policies", body, method="PUT")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200

    def lift_roles(self, *names: str) -> None:
        """Let everybody do everything with the queues and the job definition, and other ones."""
        own = [self.queue, self.on_demand_queue, self.job_definition]
        self.enforce({"roles": {}, "buckets": {}, "names": [*own, *names]})

    def unevaluated(self) -> list[str]:
        """Return what the enforced policies contain that nobody has evaluated, once."""
        with urllib.request.urlopen(f"{self.url}/testbed/policies") as answer:
            faults: list[str] = json.load(answer)
        return faults

    def ledger(self, job: str) -> list[float]:
        """Return how many seconds each attempt of a job, or of an array's children, has run."""
        with urllib.request.urlopen(f"{self.url}/testbed/ledger") as answer:
            return [seconds for name, seconds in json.load(answer) if name.startswith(job)]

    def control(self, call: str, **arguments: object) -> None:
        """`interrupt` (job, reason), `kill` (job) or `chaos` (rate, seconds, seed)."""
        query = urllib.parse.urlencode(arguments)
        with urllib.request.urlopen(f"{self.url}/testbed/{call}?{query}") as answer:
            assert answer.status == 204


@cache
def _session() -> Any:
    """One for all tests: reading the description of a service takes as long as a test."""
    return boto3.Session("testing", "testing", region_name=REGION)


@cache
def _made(service: str, url: str) -> Any:
    """One for each service and server: making a client takes longer than most of its calls."""
    return _session().client(service, endpoint_url=url)


def _client(service: str) -> Any:
    return _made(service, os.environ["AWS_ENDPOINT_URL"])


def _role() -> str:
    """The role that tasks have, which moto wants to find."""
    iam = _client("iam")
    name = "backfleet-tasks"
    # A list of roles has only the first hundred.
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=ROLE_OF_TASKS)
    return name


def make_bucket() -> str:
    """A bucket of a fresh name."""
    bucket = f"test-{uuid.uuid4().hex}"
    _client("s3").create_bucket(Bucket=bucket)
    return bucket


def deploy(
    url: str,
    environment: Mapping[str, str],
    image: str,
    properties: Mapping[str, Any] = MappingProxyType({}),
) -> AwsServer:
    """Buckets, queues and a job definition under names of their own."""
    batch = _client("batch")
    ec2 = _client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    role = f"arn:aws:iam::{ACCOUNT}:role/{_role()}"
    name = f"test-{uuid.uuid4().hex[:12]}"
    queues = []
    policy = batch.create_scheduling_policy(
        name=f"{name}-fair", fairsharePolicy={"shareDecaySeconds": 3600, "computeReservation": 0}
    )
    for suffix, kind in (("spot", "FARGATE_SPOT"), ("on-demand", "FARGATE")):
        made = batch.create_compute_environment(
            computeEnvironmentName=f"{name}-{suffix}",
            type="MANAGED",
            state="ENABLED",
            computeResources={
                "type": kind,
                "maxvCpus": 256,
                "subnets": [subnet["SubnetId"]],
                "securityGroupIds": [group],
            },
            serviceRole=role,
        )
        order = {"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}
        batch.create_job_queue(
            jobQueueName=f"{name}-{suffix}-fair",
            state="ENABLED",
            priority=1,
            schedulingPolicyArn=policy["arn"],
            computeEnvironmentOrder=[order],
        )
        queues.append(f"{name}-{suffix}-fair")
    server = AwsServer(
        url=url,
        environment=environment,
        bucket=make_bucket(),
        data_bucket=make_bucket(),
        compute_environment=f"{name}-spot",
        queue=queues[0],
        on_demand_queue=queues[1],
        job_definition=f"{name}-worker",
        image=image,
    )
    server.register(server.job_definition, **properties)
    server.enforce(server.rendered_policies())
    return server


def submit_long_job(batch: Any, stack_name: str) -> str:
    """Submit a job that runs for a minute on a stack's first queue, and return its id."""
    job = batch.submit_job(
        jobName="long",
        jobQueue=f"{stack_name}-spot-fair",
        jobDefinition=f"{stack_name}-worker",
        containerOverrides={"command": ["sleep", "60"]},
        **SHARE,
    )
    return str(job["jobId"])
