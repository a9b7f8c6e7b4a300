"""A stack from nothing to queues, buckets and settings, changed, taken away and taken up again."""

from __future__ import annotations

import base64
import json
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import ExecutorError, UserError
from backfleet_executors.aws.stack.template import render
from testbed.aws.deployment import SHARE, AwsServer, submit_long_job

Command = Callable[..., Any]


def stacks(server: AwsServer) -> dict[str, str]:
    """Names of all stacks to their states."""
    described = server.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in described}


def test_a_plan_shows_every_resource_and_leaves_nothing_behind(
    aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    facts = aws_command("plan", "--json").json
    kinds = {change["resource"]: change["kind"] for change in facts["changes"]}
    assert kinds["SpotFairQueue"] == "AWS::Batch::JobQueue"
    assert kinds["DataBucket"] == "AWS::S3::Bucket"
    assert {change["action"] for change in facts["changes"]} == {"Add"}
    assert not facts["exists"]
    assert stack_name not in stacks(aws_server)


def test_a_plan_is_a_table_for_a_reader(aws_command: Command) -> None:
    output = aws_command("plan").output
    assert "action" in output
    assert "OnDemandEnvironment" in output
    assert "image is built and pushed" in output


def test_a_plan_on_stock_moto_tells_the_same_resources(
    moto_server: AwsServer, stack_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backfleet_executors.aws.clients import Clients
    from backfleet_executors.aws.stack.choices import StackChoices
    from backfleet_executors.aws.stack.deploy import drop, prepare_deployment

    preparation = prepare_deployment(Clients(), stack_name, StackChoices())
    assert preparation.change_set is not None
    assert "JobQueue" in str(preparation.change_set.changes)
    drop(Clients(), preparation)
    assert stack_name not in stacks(moto_server)


def test_deploying_shows_events_and_writes_the_settings_of_the_executor(
    aws_command: Command, stack_name: str, image: str
) -> None:
    Path("backfleet.toml").write_text(
        "# mine\n[executors.local]\nworkers = 2\n\n[executors.aws-batch]\nmax_cost = 5.0  # USD\n"
    )
    answer = aws_command("deploy", "--yes", "--image", image)
    assert answer.error is None
    assert "CREATE_COMPLETE      SpotFairQueue (Batch::JobQueue)" in answer.output
    text = Path("backfleet.toml").read_text()
    assert text.startswith("# mine\n")
    assert "max_cost = 5.0  # USD" in text
    settings = tomllib.loads(text)["executors"]["aws-batch"]
    assert settings == {
        "max_cost": 5.0,
        "region": "us-east-1",
        "queue": f"{stack_name}-spot-fair",
        "on_demand_queue": f"{stack_name}-on-demand-fair",
        "job_definition": f"{stack_name}-worker",
        "compaction_definition": f"{stack_name}-compaction",
        "store": f"s3://{stack_name}-results-123456789012-us-east-1/runs",
        "data": f"s3://{stack_name}-data-123456789012-us-east-1",
        "image": image,
        "log_group": f"/backfleet/{stack_name}",
    }


def test_the_executor_takes_what_deploy_writes(
    deployed: Mapping[str, Any], aws_server: AwsServer, image: str
) -> None:
    from backfleet.runs.executors import open_executor

    settings = open_executor("aws-batch").settings
    assert settings.model_dump()["image"] == image
    batch = aws_server.client("batch")
    (definition,) = batch.describe_job_definitions(
        jobDefinitionName=settings.model_dump()["job_definition"], status="ACTIVE"
    )["jobDefinitions"]
    container = definition["containerProperties"]
    assert container["image"] == image
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == "10001:10001"


def test_deploying_again_changes_nothing(
    deployed: Mapping[str, Any], aws_command: Command, image: str
) -> None:
    answer = aws_command("deploy", "--image", image)
    assert answer.error is None
    assert "nothing to change" in answer.output


def test_what_is_not_chosen_stays_as_it_was_chosen(
    deployed: Mapping[str, Any], aws_command: Command
) -> None:
    assert aws_command("plan", "--max-vcpus", "12", "--json").json["parameters"]["Image"]
    changed = aws_command("plan", "--no-spot", "--json").json["changes"]
    removed = {change["resource"] for change in changed if change["action"] == "Remove"}
    assert removed == {"SpotEnvironment", "SpotFairQueue", "SpotNearQuota"}
    modified = {change["resource"] for change in changed if change["action"] == "Modify"}
    assert not modified & {"OnDemandFairQueue", "DataBucket", "JobDefinition"}


def test_another_image_is_a_new_revision_and_the_old_one_stays(
    deployed: Mapping[str, Any],
    aws_command: Command,
    aws_server: AwsServer,
    stack_name: str,
    image: str,
) -> None:
    other = image[:-1] + "b"
    assert aws_command("deploy", "--yes", "--image", other).error is None
    definitions = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=f"{stack_name}-worker", status="ACTIVE"
    )["jobDefinitions"]
    assert {definition["containerProperties"]["image"] for definition in definitions} == {
        image,
        other,
    }


def test_without_spot_both_settings_name_the_on_demand_queue(
    aws_command: Command, image: str, stack_name: str
) -> None:
    assert aws_command("deploy", "--yes", "--no-spot", "--image", image).error is None
    settings = aws_command("status", "--json").json["settings"]
    assert settings["queue"] == settings["on_demand_queue"] == f"{stack_name}-on-demand-fair"


def test_an_existing_network_is_used_and_none_is_made(
    aws_command: Command, aws_server: AwsServer, image: str
) -> None:
    subnets = aws_server.client("ec2").describe_subnets()["Subnets"]
    vpc = subnets[0]["VpcId"]
    names = [subnet["SubnetId"] for subnet in subnets if subnet["VpcId"] == vpc][:2]
    options = ("--vpc", vpc, "--subnets", ",".join(names), "--image", image)
    changes = aws_command("plan", *options, "--json").json["changes"]
    kinds = {change["kind"] for change in changes}
    assert not kinds & {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::VPCEndpoint"}
    assert "AWS::EC2::SecurityGroup" in kinds
    assert aws_command("deploy", "--yes", *options).error is None
    environments = aws_server.client("batch").describe_compute_environments()
    used = [
        environment["computeResources"]["subnets"]
        for environment in environments["computeEnvironments"]
    ]
    assert names in used


def test_private_workers_get_endpoints_instead_of_a_gateway(aws_command: Command) -> None:
    changes = aws_command("plan", "--private", "--json").json["changes"]
    resources = {change["resource"] for change in changes}
    assert resources >= {"EcrApiEndpoint", "EcrLayersEndpoint", "LogsEndpoint", "S3Endpoint"}
    assert not resources & {"Gateway", "RouteOut"}


def test_destroying_keeps_the_buckets_and_says_so(
    deployed: Mapping[str, Any], aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    bucket = deployed["outputs"]["ResultsBucket"]
    aws_server.client("s3").put_object(Bucket=bucket, Key="runs/1/manifest.json", Body=b"{}")
    answer = aws_command("destroy", "--yes")
    assert answer.error is None
    assert f"s3://{bucket}" in answer.output
    assert stack_name not in stacks(aws_server)
    body = aws_server.client("s3").get_object(Bucket=bucket, Key="runs/1/manifest.json")["Body"]
    assert body.read() == b"{}"
    repositories = aws_server.client("ecr").describe_repositories()["repositories"]
    assert stack_name not in {repository["repositoryName"] for repository in repositories}
    settings = tomllib.loads(Path("backfleet.toml").read_text())["executors"]["aws-batch"]
    assert set(settings) == {"region", "store", "data"}


def test_destroying_leaves_no_revision_of_the_job_definition(
    deployed: Mapping[str, Any],
    aws_command: Command,
    aws_server: AwsServer,
    stack_name: str,
    image: str,
) -> None:
    assert aws_command("deploy", "--yes", "--image", image[:-1] + "b").error is None
    assert aws_command("destroy", "--yes").error is None
    definitions = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=f"{stack_name}-worker", status="ACTIVE"
    )
    assert definitions["jobDefinitions"] == []


def test_a_later_deployment_takes_up_what_was_kept(
    deployed: Mapping[str, Any], aws_command: Command, aws_server: AwsServer, image: str
) -> None:
    bucket = deployed["outputs"]["DataBucket"]
    aws_server.client("s3").put_object(Bucket=bucket, Key="600519.parquet", Body=b"bars")
    answer = aws_command("destroy", answers="y\nn\n")
    assert answer.error is None
    assert "Delete the repository" in answer.output
    plan = aws_command("plan").output
    assert "Used again" in plan
    assert bucket in plan
    assert "DataBucketPolicy" in plan
    assert aws_command("deploy", "--yes", "--image", image).error is None
    outputs = aws_command("status", "--json").json["outputs"]
    assert outputs["DataBucket"] == bucket
    assert outputs["Repository"] == deployed["outputs"]["Repository"]
    assert aws_command("destroy", "--yes").error is None
    assert aws_server.client("s3").get_object(Bucket=bucket, Key="600519.parquet")


def test_nothing_is_changed_unless_one_agrees(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    refused = aws_command("deploy", "--image", image, answers="n\n")
    assert isinstance(refused.error, UserError)
    silent = aws_command("deploy", "--image", image)
    assert "--yes" in str(silent.error)
    assert stack_name not in stacks(aws_server)
    assert not Path("backfleet.toml").exists()


def test_status_tells_queues_environments_and_jobs(
    deployed: Mapping[str, Any], aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    batch = aws_server.client("batch")
    job = submit_long_job(batch, stack_name)
    output = aws_command("status").output
    assert f"{stack_name}-spot-fair: ENABLED, VALID; FARGATE_SPOT up to 256 vCPU" in output
    assert "1 running" in output
    batch.terminate_job(jobId=job, reason="seen")


def test_a_stack_that_is_not_there_says_where_it_looked(aws_command: Command) -> None:
    for command in ("status", "destroy"):
        error = aws_command(command, "--region", "eu-west-1").error
        assert isinstance(error, ExecutorError)
        assert "in eu-west-1 of account 123456789012" in str(error)


def test_a_notebook_finds_backfleet_and_its_settings(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    answer = aws_command("deploy", "--yes", "--notebook", "--image", image)
    assert answer.error is None
    outputs = aws_command("status", "--json").json["outputs"]
    events = aws_server.client("cloudformation").describe_stack_events(StackName=stack_name)
    (start,) = {
        event["PhysicalResourceId"]
        for event in events["StackEvents"]
        if (event["LogicalResourceId"], event["ResourceStatus"])
        == ("NotebookStart", "CREATE_COMPLETE")
    }
    config = aws_server.client("sagemaker").describe_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName=start.rpartition("/")[2]
    )
    assert stack_name in outputs["Notebook"]
    script = base64.b64decode(config["OnStart"][0]["Content"]).decode()
    assert f"s3://{outputs['ResultsBucket']}/software/backfleet.toml" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    s3 = aws_server.client("s3")
    objects = s3.list_objects_v2(Bucket=outputs["ResultsBucket"], Prefix="software/")["Contents"]
    names = {item["Key"].partition("/")[2] for item in objects}
    assert "backfleet.toml" in names
    assert any(name.startswith("backfleet-") and name.endswith(".whl") for name in names)


def _with_fifo_queues(rendered: str) -> str:
    """Return the template as a stack has it whose queues have no scheduling policy."""
    text = rendered.replace("SpotFairQueue", "SpotQueue")
    text = text.replace("OnDemandFairQueue", "OnDemandQueue")
    text = text.replace("-spot-fair", "-spot").replace("-on-demand-fair", "-on-demand")
    template = json.loads(text)
    for name in ("SpotQueue", "OnDemandQueue"):
        del template["Resources"][name]["Properties"]["SchedulingPolicyArn"]
    del template["Resources"]["FairShare"]
    return json.dumps(template)


@pytest.fixture
def deployed_fifo(
    aws_command: Command, image: str, monkeypatch: pytest.MonkeyPatch, stack_name: str
) -> str:
    """The Spot queue of a stack whose queues start jobs in the order of their submission."""
    with monkeypatch.context() as patch:
        fifo = _with_fifo_queues(render())
        patch.setattr("backfleet_executors.aws.stack.deploy.render", lambda: fifo)
        assert aws_command("deploy", "--yes", "--image", image).error is None
    return f"{stack_name}-spot"


def test_queues_without_fair_share_are_not_replaced_while_they_have_jobs(
    deployed_fifo: str, aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    batch = aws_server.client("batch")
    job = batch.submit_job(
        jobName="long",
        jobQueue=deployed_fifo,
        jobDefinition=f"{stack_name}-worker",
        containerOverrides={"command": ["sleep", "60"]},
    )["jobId"]
    cloudformation = aws_server.client("cloudformation")
    before = cloudformation.list_change_sets(StackName=stack_name)["Summaries"]
    error = aws_command("deploy", "--yes", "--keep-image").error
    assert isinstance(error, ExecutorError)
    assert "delete OnDemandQueue, SpotQueue, and with it 1 unfinished job. " in str(error)
    assert aws_server.job(job)["status"] not in ("SUCCEEDED", "FAILED")
    assert cloudformation.list_change_sets(StackName=stack_name)["Summaries"] == before
    batch.terminate_job(jobId=job, reason="seen")
    aws_server.wait(job)
    assert aws_command("deploy", "--yes", "--keep-image").error is None
    queues = batch.describe_job_queues()["jobQueues"]
    policies = {queue["jobQueueName"]: queue.get("schedulingPolicyArn") for queue in queues}
    arn = f"arn:aws:batch:us-east-1:123456789012:scheduling-policy/{stack_name}-fair"
    assert policies[f"{stack_name}-spot-fair"] == policies[f"{stack_name}-on-demand-fair"] == arn
    assert deployed_fifo not in policies
    settings = tomllib.loads(Path("backfleet.toml").read_text())["executors"]["aws-batch"]
    assert settings["queue"] == f"{stack_name}-spot-fair"


def test_spot_is_not_given_up_while_its_queue_has_jobs(
    deployed: Mapping[str, Any], aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    batch = aws_server.client("batch")
    job = submit_long_job(batch, stack_name)
    answer = aws_command("deploy", "--yes", "--keep-image", "--no-spot")
    assert "delete SpotEnvironment, SpotFairQueue" in str(answer.error)
    batch.terminate_job(jobId=job, reason="seen")


def test_a_budget_is_made_changed_and_removed_with_the_stack(
    aws_command: Command, aws_server: AwsServer, stack_name: str, image: str
) -> None:
    budgets = aws_server.client("budgets")

    def amounts() -> list[str]:
        budgets_of_account = budgets.describe_budgets(AccountId="123456789012")["Budgets"]
        return [
            budget["BudgetLimit"]["Amount"]
            for budget in budgets_of_account
            if budget["BudgetName"] == f"{stack_name}-monthly"
        ]

    made = aws_command("deploy", "--yes", "--image", image, "--budget", "50")
    assert made.error is None
    assert "The budget is 50.00 USD per month, with a notice at 80 %" in made.output
    assert amounts() == ["50.00"]
    (definition,) = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=f"{stack_name}-worker", status="ACTIVE"
    )["jobDefinitions"]
    assert definition["tags"] == {"backfleet:stack": stack_name}
    assert aws_command("deploy", "--yes", "--image", image, "--budget", "0").error is None
    assert amounts() == []
    assert aws_command("deploy", "--yes", "--image", image, "--budget", "7").error is None
    assert aws_command("destroy", "--yes").error is None
    assert amounts() == []


def test_a_budget_where_aws_has_none_is_refused(aws_command: Command, stack_name: str) -> None:
    refused = aws_command("deploy", "--yes", "--region", "us-gov-west-1", "--budget", "7")
    assert str(refused.error).startswith("--budget: AWS Budgets is not available in us-gov-west-1")


def test_the_end_of_a_job_is_told_in_a_sentence(
    deployed: Mapping[str, Any], aws_server: AwsServer, stack_name: str
) -> None:
    sns, sqs = aws_server.client("sns"), aws_server.client("sqs")
    inbox = sqs.create_queue(QueueName=stack_name)["QueueUrl"]
    sns.subscribe(
        TopicArn=deployed["outputs"]["Topic"],
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{stack_name}",
        Attributes={"RawMessageDelivery": "true"},
    )
    job = aws_server.client("batch").submit_job(
        jobName="nightly",
        jobQueue=f"{stack_name}-spot-fair",
        jobDefinition=f"{stack_name}-worker",
        containerOverrides={"command": ["no-such-command"]},
        **SHARE,
    )["jobId"]
    reason = aws_server.wait(job)["statusReason"]
    (message,) = sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=5)["Messages"]
    sentence = f"The job nightly in us-east-1 has ended: FAILED. {reason} (see: backfleet status)"
    assert json.loads(message["Body"]) == sentence
