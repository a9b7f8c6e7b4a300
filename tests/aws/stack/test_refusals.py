"""What cannot be done is refused in one sentence that says what to do, and nothing is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import ExecutorError
from backfleet_executors.aws.stack.stacks import Stack, check_settled
from testbed.aws.deployment import AwsServer

Command = Callable[..., Any]

DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/analyst/ann is not authorized to perform: "
    "cloudformation:DescribeStacks on resource: arn:aws:cloudformation:us-east-1:123456789012:"
    "stack/fleet/* because no identity-based policy allows the cloudformation:DescribeStacks action"
)


def stacks(server: AwsServer) -> set[str]:
    described = server.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"] for stack in described}


def refusal(answer: Any) -> str:
    """The text of the error, whose exit code is 2."""
    assert isinstance(answer.error, ExecutorError), answer.output
    assert answer.error.exit_code == 2
    return str(answer.error)


@contextmanager
def _refusing(code: str, message: str) -> Iterator[str]:
    """The URL of a server that answers every request with one error, as CloudFormation does."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f"<ErrorResponse>{error}</ErrorResponse>"

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a line a request would bury a test's own output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        ("ExpiredToken", "The security token is expired", "aws sso login"),
        ("InvalidClientTokenId", "The security token is invalid", "the access key does not exist"),
        ("AccessDenied", DENIED, "'backfleet aws policy' prints all that deploying takes"),
        ("RequestTimeTooSkewed", "The difference is too large", "clock of this machine"),
    ],
)
def test_what_aws_answers_is_told_with_what_to_do(
    aws_command: Command, monkeypatch: pytest.MonkeyPatch, code: str, message: str, advice: str
) -> None:
    with _refusing(code, message) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        text = refusal(aws_command("plan"))
    assert "looking for the stack" in text
    assert advice in text


def test_no_credentials_and_a_wrong_region_are_told_apart(
    aws_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "did you mean" in refusal(aws_command("plan", "--region", "eu-centrall-1"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "no credentials were found" in refusal(aws_command("deploy", "--yes"))


@pytest.mark.parametrize("name", ["Fleet", "fleet_1", "f", "1fleet", "fleet-", "f" * 25])
def test_a_name_that_buckets_cannot_have_ends_the_command_with_exit_code_2(
    backfleet: Callable[..., Any], aws_server: AwsServer, name: str
) -> None:
    if name == "Fleet":
        done = backfleet("aws", "deploy", "--yes", "--name", name)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "--name 'Fleet'" in done.stderr
    with pytest.raises(ExecutorError, match="lower-case letters"):
        _check_name(name)


def _check_name(name: str) -> None:
    from backfleet_executors.aws.stack.stacks import check_name

    check_name(name)


def test_an_image_is_named_by_its_digest(
    aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    text = refusal(aws_command("deploy", "--yes", "--image", "registry/fleet:latest"))
    assert "by its digest" in text
    assert stack_name not in stacks(aws_server)


def test_a_bucket_that_the_stack_did_not_make_is_not_taken(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    bucket = f"{stack_name}-data-123456789012-us-east-1"
    aws_server.client("s3").create_bucket(Bucket=bucket)
    text = refusal(aws_command("deploy", "--yes", "--image", image))
    assert bucket in text
    assert "--data-bucket" in text
    assert stack_name not in stacks(aws_server)
    options = ("--image", image, "--data-bucket", bucket)
    changes = aws_command("plan", *options, "--json").json["changes"]
    assert not {"DataBucket", "DataBucketPolicy"} & {change["resource"] for change in changes}
    assert aws_command("deploy", "--yes", *options).error is None
    assert aws_command("status", "--json").json["outputs"]["DataBucket"] == bucket


def test_a_repository_that_the_stack_did_not_make_is_neither_taken_nor_deleted(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    ecr = aws_server.client("ecr")
    ecr.create_repository(repositoryName=stack_name)
    assert "--repository" in refusal(aws_command("plan"))
    other = f"{stack_name}-other"
    ecr.create_repository(repositoryName=other)
    options = ("--image", image, "--repository", other)
    assert aws_command("deploy", "--yes", *options).error is None
    assert aws_command("destroy", "--yes").error is None
    assert ecr.describe_repositories(repositoryNames=[other])["repositories"]


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (("--vpc", "vpc-1"), "--vpc and --subnets go together"),
        (("--vpc", "vpc-1", "--subnets", "subnet-00000000000000000"), "correct it, or --region"),
        (("--data-bucket", "no-such-bucket-of-mine"), "there is no such bucket"),
        (("--repository", "no-such-repository"), "there is no such ECR repository"),
    ],
)
def test_what_is_to_be_used_must_be_there(
    aws_command: Command, options: tuple[str, ...], advice: str
) -> None:
    assert advice in refusal(aws_command("plan", *options))


def test_subnets_belong_to_the_vpc(aws_command: Command, aws_server: AwsServer) -> None:
    ec2 = aws_server.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    text = refusal(aws_command("plan", "--vpc", vpc, "--subnets", subnet))
    assert f"{subnet} does not belong to the VPC {vpc}" in text


def test_a_bucket_of_another_region_is_refused(
    aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    bucket = f"{stack_name}-afar"
    aws_server.client("s3", region_name="eu-west-1").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    text = refusal(aws_command("plan", "--results-bucket", bucket))
    assert "lies in eu-west-1, the stack in us-east-1" in text


def test_a_failure_is_told_with_its_reason_undone_and_can_be_mended(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    batch = aws_server.client("batch")
    order = [{"order": 1, "computeEnvironment": aws_server.compute_environment}]
    queue = batch.create_job_queue(
        jobQueueName=f"{stack_name}-spot-fair",
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=order,
    )["jobQueueArn"]
    answer = aws_command("deploy", "--yes", "--image", image)
    text = refusal(answer)
    assert "CREATE_FAILED" in answer.output
    assert "SpotFairQueue (AWS::Batch::JobQueue)" in text
    assert "already exists" in text
    assert aws_command("status", "--json").json["status"] == "ROLLBACK_COMPLETE"
    again = refusal(aws_command("deploy", "--yes", "--image", image))
    assert f"'backfleet aws destroy --name {stack_name}'" in again
    assert not Path("backfleet.toml").exists()
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    batch.delete_job_queue(jobQueue=queue)
    assert aws_command("destroy", "--yes").error is None
    assert aws_command("deploy", "--yes", "--image", image).error is None


def test_what_a_killed_plan_has_left_is_cleared_away(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    from backfleet_executors.aws.clients import Clients
    from backfleet_executors.aws.stack.choices import StackChoices
    from backfleet_executors.aws.stack.deploy import prepare_deployment

    prepare_deployment(Clients(), stack_name, StackChoices())
    assert "there is no stack" in refusal(aws_command("status"))
    assert aws_command("deploy", "--yes", "--image", image).error is None


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("UPDATE_IN_PROGRESS", "somebody changes it just now"),
        ("ROLLBACK_COMPLETE", "'backfleet aws destroy --name fleet'"),
        ("DELETE_FAILED", "'backfleet aws destroy --name fleet'"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name fleet"),
    ],
)
def test_each_state_that_cannot_be_deployed_to_says_the_way_out(status: str, advice: str) -> None:
    with pytest.raises(ExecutorError, match=status) as raised:
        check_settled(Stack("arn", "fleet", status, "because", {}, {}))
    assert advice in str(raised.value)


def test_without_a_docker_engine_nothing_is_begun(
    backfleet: Callable[..., Any], aws_server: AwsServer, stack_name: str
) -> None:
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    done = backfleet("aws", "deploy", "--yes", "--name", stack_name, env=nowhere)
    assert done.returncode == 2
    assert "the image cannot be built here" in done.stderr
    assert "--image" in done.stderr
    assert stack_name not in stacks(aws_server)


def test_the_stack_can_be_made_before_there_is_an_image(aws_command: Command) -> None:
    assert aws_command("deploy", "--yes", "--keep-image").error is None
    settings: Mapping[str, Any] = aws_command("status", "--json").json["settings"]
    assert settings["image"] == settings["job_definition"] == ""
    assert "image" not in Path("backfleet.toml").read_text()


@pytest.mark.parametrize("text", ["[executors", "executors = 3", "[executors]\naws-batch = 3"])
def test_a_damaged_settings_file_is_told_before_anything_is_done(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str, text: str
) -> None:
    Path("backfleet.toml").write_text(text)
    assert "backfleet.toml" in refusal(aws_command("deploy", "--yes", "--image", image))
    assert stack_name not in stacks(aws_server)
    assert Path("backfleet.toml").read_text() == text
