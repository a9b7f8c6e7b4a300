"""AWS on loopback: a server, its environment, and a Batch environment made through the API."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
import pytest

TESTBED = Path(__file__).parent.parent / "testbed" / "aws"
ACCOUNT = "123456789012"
REGION = "us-east-1"
ENDED = ("SUCCEEDED", "FAILED")
LOG_GROUP = "/aws/batch/backfleet"
ROLE_OF_TASKS = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}'
)
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
    image
        What the job definition runs.
    job_definition
        Its name.
    """

    url: str
    environment: Mapping[str, str]
    bucket: str
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
        return _client(service, **options)

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

    def job(self, job_id: str) -> Mapping[str, Any]:
        """What DescribeJobs says of one job."""
        (found,) = self.client("batch").describe_jobs(jobs=[job_id])["jobs"]
        job: Mapping[str, Any] = found
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

    def control(self, call: str, **arguments: object) -> None:
        """`interrupt` (job, reason), `kill` (job) or `chaos` (rate, seconds, seed)."""
        query = urllib.parse.urlencode(arguments)
        with urllib.request.urlopen(f"{self.url}/testbed/{call}?{query}") as answer:
            assert answer.status == 204


@contextmanager
def _serve(*options: str, **variables: str) -> Iterator[str]:
    """A server process of its own. The end of its input ends it, also where this one is killed."""
    path = os.pathsep.join([str(TESTBED), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, "-m", "aws_server", *options],
        env=os.environ | {"PYTHONPATH": path} | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url, "the server did not start; its error is above"
        yield url
        server.stdin.close()


@contextmanager
def _reached(url: str) -> Iterator[Mapping[str, str]]:
    """Point this process and its children to the server, and to nothing else of AWS."""
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


@cache
def _session() -> Any:
    """One for all tests: reading the description of a service takes as long as a test."""
    return boto3.Session(region_name=REGION)


def _client(service: str, **options: Any) -> Any:
    return _session().client(service, **options)


def _role() -> str:
    """The role that tasks have, which moto wants to find."""
    iam = _client("iam")
    name = "backfleet-tasks"
    if name not in {role["RoleName"] for role in iam.list_roles()["Roles"]}:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=ROLE_OF_TASKS)
    return name


def _bucket() -> str:
    bucket = f"test-{uuid.uuid4().hex}"
    _client("s3").create_bucket(Bucket=bucket)
    return bucket


def _deploy(
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
            jobQueueName=f"{name}-{suffix}",
            state="ENABLED",
            priority=1,
            computeEnvironmentOrder=[order],
        )
        queues.append(f"{name}-{suffix}")
    server = AwsServer(
        url=url,
        environment=environment,
        bucket=_bucket(),
        compute_environment=f"{name}-spot",
        queue=queues[0],
        on_demand_queue=queues[1],
        job_definition=f"{name}-worker",
        image=image,
    )
    server.register(server.job_definition, **properties)
    return server


@pytest.fixture(scope="session")
def _stock_server() -> Iterator[str]:
    with _serve("--jobs", "stock") as url:
        yield url


@pytest.fixture(scope="session")
def _process_server() -> Iterator[str]:
    with _serve("--jobs", "processes", "--slots", "4") as url:
        yield url


@pytest.fixture
def moto_server(_stock_server: str) -> Iterator[AwsServer]:
    """Stock moto, so that our mends cannot hide a mistake. Its jobs end without having run."""
    with _reached(_stock_server) as environment:
        config = b'{"batch": {"use_docker": false}}'
        urllib.request.urlopen(f"{_stock_server}/moto-api/config", config).close()
        yield _deploy(_stock_server, environment, "backfleet:test")


@pytest.fixture
def aws_bucket(_process_server: str) -> Iterator[str]:
    """A fresh bucket, for tests that need no more of AWS."""
    with _reached(_process_server):
        yield _bucket()


@pytest.fixture
def aws_server(_process_server: str) -> Iterator[AwsServer]:
    """Batch as AWS has it, whose jobs run as processes of this machine, four at once."""
    with _reached(_process_server) as environment:
        yield _deploy(_process_server, environment, "backfleet:test")


@pytest.fixture(scope="session")
def _container_server(docker_engine: Any, registry: Any) -> Iterator[str]:
    options = ("--jobs", "containers", "--slots", "2", "--registry", registry.address)
    with _serve(*options, DOCKER_CONFIG=str(registry.docker_config)) as url:
        yield url


@pytest.fixture(scope="session")
def pushed_image(docker_engine: Any, registry: Any, worker_image: str) -> str:
    """The workers' image by its digest in the registry that stands in for ECR."""
    import docker

    from backfleet_executors.images.push import push_image

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(registry.docker_config))
        with closing(docker.APIClient(docker_engine.host, timeout=600)) as client:
            return push_image(client, worker_image, f"{registry.address}/backfleet")


@pytest.fixture
def aws_server_with_containers(_container_server: str, pushed_image: str) -> Iterator[AwsServer]:
    """Batch as AWS has it, whose jobs run as containers; for tests with the mark `testbed`.

    Its job definition locks workers down as the one that is deployed does.
    """
    with _reached(_container_server) as environment:
        yield _deploy(_container_server, environment, pushed_image, LOCKED_DOWN)


@pytest.fixture
def submitted(aws_server: AwsServer) -> Callable[..., str]:
    """Submit a shell command as a job without an image's entry point; returns the job's id."""

    def submit(command: str, **request: Any) -> str:
        name = f"shell-{uuid.uuid4().hex[:12]}"
        definition = aws_server.register(name, image="shell", command=["sh", "-c", command])
        request = {"jobName": name, "jobQueue": aws_server.queue} | request
        answer = aws_server.client("batch").submit_job(jobDefinition=definition, **request)
        job_id: str = answer["jobId"]
        return job_id

    return submit
