"""Teams share queues and buckets, and no worker or person of one reaches the runs of another."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint

from backfleet.code.hashes import distribution_hashes
from backfleet.errors import ExecutorError
from backfleet_executors.aws.batch.settings import TEAM_TAG
from backfleet_executors.aws.stack.team import render_team, template
from backfleet_executors.images.inventory import ImageRecord, remember_record
from policy_evaluator import (
    ACCOUNT,
    REGION,
    Policies,
    Rendering,
    Request,
    is_allowed,
    statements_of,
    weakened,
)
from testbed.aws.deployment import AwsServer

Command = Callable[..., Any]
Statement = Mapping[str, Any]

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
DIGEST = "sha256:" + "7" * 64
RESULTS, DATA = "fleet-results", "fleet-data"
TLS = {"aws:SecureTransport": "true"}
CREATE = TLS | {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}
OVERWRITE = TLS | {"s3:ObjectCreationOperation": "true"}
BATCH = f"arn:aws:batch:{REGION}:{ACCOUNT}"
ALPHA = Rendering(
    "fleet-team-alpha",
    {
        "Stack": "fleet",
        "ResultsBucketName": RESULTS,
        "DataBucketName": DATA,
        "Queue": "fleet-spot-fair",
        "OnDemandQueue": "fleet-on-demand-fair",
        "LogGroup": "/backfleet/fleet",
        "GitHub": "repo:org/strategies:environment:backtests",
    },
    {"HasGitHub": True},
    template("alpha"),
)
WORKFLOW = Path(__file__).parents[3] / "examples" / "github-actions.yml"
ROLES = ("JobRole", "SubmitterRole")


def put(path: str, context: Mapping[str, str] = CREATE) -> Request:
    return Request("s3:PutObject", f"arn:aws:s3:::{path}", context)


def get(path: str) -> Request:
    return Request("s3:GetObject", f"arn:aws:s3:::{path}", TLS)


def submit(share: str, definition: str = "fleet-team-alpha-worker:3") -> list[Request]:
    context = {"batch:ShareIdentifier": share}
    names = ("job-queue/fleet-spot-fair", f"job-definition/{definition}")
    return [Request("batch:SubmitJob", f"{BATCH}:{name}", context) for name in names]


def tag(new: str, old: str = "") -> Request:
    context = {f"aws:RequestTag/{TEAM_TAG}": new}
    if old:
        context[f"aws:ResourceTag/{TEAM_TAG}"] = old
    return Request("batch:TagResource", f"{BATCH}:job/1", context)


def stop(team: str) -> Request:
    return Request("batch:TerminateJob", f"{BATCH}:job/1", {f"aws:ResourceTag/{TEAM_TAG}": team})


def listing(bucket: str, prefix: str = "") -> Request:
    context = TLS | ({"s3:prefix": prefix} if prefix else {})
    return Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", context)


def chunk(folder: str) -> str:
    return f"{RESULTS}/{folder}0123456789abcdef/chunks/000000.0"


OWN, OTHER, WHOLE = "teams/alpha/runs/", "teams/beta/runs/", "runs/"
FOLDERS = (OWN, OTHER, WHOLE)
KEYS = tuple(f"{RESULTS}/keys/{folder}0123" for folder in (OWN, OTHER, "all/"))
FILES = tuple(
    f"{DATA}/{folder}stock.csv" for folder in ("teams/alpha/data/", "teams/beta/data/", "")
)
WRITTEN = (*map(chunk, FOLDERS), *KEYS)
REQUESTS = [
    *(put(path, context) for path in WRITTEN for context in (CREATE, OVERWRITE)),
    *(get(path) for path in (*WRITTEN, *FILES, f"{RESULTS}/images/x.json")),
    *map(put, FILES),
    put(f"{RESULTS}/{OWN}0123456789abcdef/submissions/1.failure.0.json"),
    put(f"{RESULTS}/{OWN}0123456789abcdef/results/0/00000.parquet"),
    *(put(f"{RESULTS}/{OWN}{shared}/1/chunks/x") for shared in ("known", "trials")),
    *(
        Request("s3:PutObjectTagging", f"arn:aws:s3:::{RESULTS}/{OWN}0123/{kind}/0", TLS)
        for kind in ("parts", "chunks")
    ),
    *(
        listing(RESULTS, prefix)
        for prefix in ("", f"{OWN}0123", OTHER, WHOLE, f"keys/{OWN}x", "keys/all/x")
    ),
    *(listing(DATA, prefix) for prefix in ("", "teams/alpha/data/x", "teams/beta/data/x")),
    *submit("teamalpha"),
    *submit("teambeta"),
    *submit("userann"),
    *submit("teamalpha", "fleet-worker:1"),
    tag("alpha"),
    tag("alpha", "alpha"),
    tag("alpha", "beta"),
    tag("beta"),
    stop("alpha"),
    stop("beta"),
    Request("batch:DescribeJobs"),
    Request("servicequotas:GetServiceQuota"),
    Request("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/backfleet/fleet:x"),
]


def test_a_team_reaches_the_queues_on_arm64_with_its_own_share_and_definition() -> None:
    rules = Policies(ALPHA.statements_of("SubmitterRole"))

    def may(name: str, share: str = "teamalpha") -> bool:
        context = {"batch:ShareIdentifier": share}
        return is_allowed(rules, Request("batch:SubmitJob", f"{BATCH}:{name}", context))

    assert may("job-queue/fleet-arm64-spot-fair")
    assert may("job-definition/fleet-team-alpha-arm64-worker:1")
    assert not may("job-queue/fleet-arm64-spot-fair", "teambeta")
    assert not may("job-definition/fleet-arm64-worker:1")
    assert not may("job-definition/fleet-team-beta-arm64-worker:1")


def decisions(statements: Sequence[Statement]) -> list[bool]:
    return [is_allowed(Policies(statements), request) for request in REQUESTS]


def allowed(role: str, *requests: Request) -> bool:
    return all(is_allowed(Policies(ALPHA.statements_of(role)), request) for request in requests)


def test_a_worker_of_a_team_writes_into_runs_of_its_team_alone() -> None:
    assert allowed("JobRole", put(chunk(OWN)), get(chunk(OWN)))
    assert not allowed("JobRole", put(chunk(OWN), OVERWRITE))
    for folder in (OTHER, WHOLE):
        assert not allowed("JobRole", put(chunk(folder)))
        assert not allowed("JobRole", get(chunk(folder)))
    assert not allowed("JobRole", get(f"{RESULTS}/keys/{OWN}0123"))


def test_a_worker_of_the_stack_itself_reaches_no_team() -> None:
    names = {"ResultsBucket": RESULTS, "DataBucket": DATA}
    for role in ROLES:
        whole = Policies(Rendering(names=names).statements_of(role))
        assert is_allowed(whole, get(f"{DATA}/stock.csv"))
        for path in (chunk(OWN), f"{RESULTS}/keys/{OWN}0123", f"{DATA}/teams/alpha/data/x"):
            assert not is_allowed(whole, get(path))
            assert not is_allowed(whole, put(path))


def test_people_of_a_team_submit_and_stop_jobs_of_their_team_alone() -> None:
    assert allowed("SubmitterRole", *submit("teamalpha"), tag("alpha"), stop("alpha"))
    assert not allowed("SubmitterRole", submit("teambeta")[0])
    assert not allowed("SubmitterRole", submit("userann")[0])
    assert not allowed("SubmitterRole", submit("teamalpha", "fleet-worker:1")[1])
    assert not allowed("SubmitterRole", stop("beta"))
    # Neither can a foreign job be given the team's tag, to be stopped then.
    assert not allowed("SubmitterRole", tag("alpha", "beta"))
    whole = Policies(statements_of("SubmitterRole"))
    assert not any(
        is_allowed(whole, request) for request in (submit("teamalpha")[0], stop("alpha"))
    )


@pytest.mark.parametrize("role", [*ROLES, "CompactionRole"])
def test_every_statement_and_condition_of_a_teams_role_decides_a_request(role: str) -> None:
    statements = ALPHA.statements_of(role)
    before = decisions(statements)
    assert [name for name, rest in weakened(statements) if decisions(rest) == before] == []


def test_the_bucket_lets_nobody_write_over_what_a_team_stores_once() -> None:
    bucket = Rendering(names={"ResultsBucket": RESULTS}).statements_of("ResultsBucketPolicy")
    everything = [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]
    for path in (chunk(OWN), f"{RESULTS}/{OWN}known/1/x", f"{RESULTS}/keys/{OWN}0123"):
        assert is_allowed(Policies(everything, bucket), put(path))
        assert not is_allowed(Policies(everything, bucket), put(path, OVERWRITE))


def test_only_the_named_workflow_of_github_may_submit_for_a_team() -> None:
    trusted = ALPHA.trust_of("SubmitterRole")
    issuer = "token.actions.githubusercontent.com"
    provider = ("Federated", f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}")

    def request(subject: str, audience: str = "sts.amazonaws.com") -> Request:
        context = {f"{issuer}:sub": subject, f"{issuer}:aud": audience}
        return Request("sts:AssumeRoleWithWebIdentity", "*", context, provider)

    own = "repo:org/strategies:environment:backtests"
    requests = [request(own), request("repo:org/other:environment:x"), request(own, "elsewhere")]
    person = Request("sts:AssumeRole", "*", {}, ("AWS", f"arn:aws:iam::{ACCOUNT}:root"))
    requests.append(person)

    def decided(statements: Sequence[Statement]) -> list[bool]:
        return [is_allowed(Policies(statements), one) for one in requests]

    assert decided(trusted) == [True, False, False, True]
    assert [name for name, rest in weakened(trusted) if decided(rest) == decided(trusted)] == []


def test_the_template_of_a_team_passes_cfn_lint_in_every_partition() -> None:
    regions = ["us-east-1", "cn-north-1", "us-gov-west-1"]
    assert lint(render_team("alpha"), config=ManualArgs(regions=regions)) == []


@pytest.mark.parametrize("name", ["Alpha", "a-b", "all", "1a", "a" * 17])
def test_a_name_that_a_share_cannot_have_is_refused(aws_command: Command, name: str) -> None:
    from backfleet_executors.aws.stack.teams import check_team

    with pytest.raises(ExecutorError, match="lower-case letters and digits"):
        check_team(name)


# -- on the stand-in ------------------------------------------------------------------------------


def team(aws_command: Command, *arguments: str, **options: Any) -> Any:
    return aws_command("team", *arguments, **options)


def run_workflow(folder: Path, environment: Mapping[str, str]) -> str:
    """Run the steps of the example for GitHub Actions, and return the URL of its run.

    Credentials come from the environment, and backfleet is installed.
    """
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if step.get("name") in ("Run", "Results")]
    assert len(commands) == 2
    exported = folder / "github_env"
    variables = {**os.environ, **environment, "GITHUB_ENV": str(exported)}
    for command in commands:
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
        done = subprocess.run(shell, cwd=folder, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        variables |= dict(line.split("=", 1) for line in exported.read_text().splitlines())
    return variables["RUN"]


def test_the_workflow_for_github_runs_with_the_rights_of_its_team(
    aws_command: Command,
    aws_server: AwsServer,
    sample_job: Path,
    stack_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember_record(DIGEST, ImageRecord(distribution_hashes(["backfleet", "backtrader"]), "amd64"))
    image = f"registry.example.com/backfleet@{DIGEST}"
    assert aws_command("deploy", "--yes", "--image", image).error is None
    added = team(aws_command, "add", "--yes", "alpha")
    assert added.error is None
    assert f"{stack_name}-team-alpha-SubmitterRole" in added.output
    assert aws_command("connect", "--team", "alpha").error is None
    settings = tomllib.loads(Path("backfleet.toml").read_text())["executors"]["aws-batch"]
    assert settings["job_definition"] == f"{stack_name}-team-alpha-worker"
    assert settings["store"].endswith("/teams/alpha/runs")
    outputs = aws_command("status", "--json").json["outputs"]
    enforce_team(aws_server, stack_name, outputs)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "submitter-alpha")
    if sample_job != Path("job.toml").resolve():
        Path("job.toml").write_text(sample_job.read_text(encoding="utf-8"), encoding="utf-8")
    scripts = str(Path(sys.executable).parent)
    url = run_workflow(Path.cwd(), {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"})
    assert "/teams/alpha/runs/" in url
    with open("results.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["symbol"]: round(float(row["final_value"]), 2) for row in rows} == GOLDEN
    assert Path("report.html").stat().st_size > 10_000


def enforce_team(server: AwsServer, stack: str, outputs: Mapping[str, str]) -> None:
    """Have the server hold the roles of the team `alpha` to what the templates say."""
    names = {
        "Stack": stack,
        "ResultsBucketName": outputs["ResultsBucket"],
        "DataBucketName": outputs["DataBucket"],
        "ResultsBucket": outputs["ResultsBucket"],
        "DataBucket": outputs["DataBucket"],
        "Queue": outputs["Queue"],
        "OnDemandQueue": outputs["OnDemandQueue"],
        "LogGroup": outputs["LogGroup"],
    }
    rendering = Rendering(f"{stack}-team-alpha", names, {}, template("alpha"))
    whole = Rendering(stack, names)
    batch = server.client("batch")
    (definition,) = batch.describe_job_definitions(jobDefinitionName=f"{stack}-team-alpha-worker")[
        "jobDefinitions"
    ]
    job_role = definition["containerProperties"]["jobRoleArn"].rpartition("/")[2]
    server.enforce(
        {
            "roles": {
                job_role: rendering.statements_of("JobRole"),
                "submitter-alpha": rendering.statements_of("SubmitterRole"),
            },
            "buckets": {
                outputs["ResultsBucket"]: whole.statements_of("ResultsBucketPolicy"),
                outputs["DataBucket"]: whole.statements_of("DataBucketPolicy"),
            },
            "names": [
                outputs["Queue"],
                outputs["OnDemandQueue"],
                outputs["LogGroup"],
                f"{stack}-team-alpha-worker",
            ],
        }
    )


def test_a_deployment_brings_teams_up_to_date_with_its_image(
    deployed: Mapping[str, Any],
    aws_command: Command,
    aws_server: AwsServer,
    stack_name: str,
    image: str,
) -> None:
    github = "repo:org/strategies:environment:backtests"
    assert team(aws_command, "add", "alpha", "--yes", "--github", github).error is None
    assert team(aws_command, "list").output == "alpha\n"
    assert "nothing to change" in team(aws_command, "add", "alpha").output
    other = image[:-1] + "b"
    answer = aws_command("deploy", "--yes", "--image", other)
    assert "The team alpha is up to date with the stack" in answer.output
    definitions = aws_server.client("batch").describe_job_definitions(
        jobDefinitionName=f"{stack_name}-team-alpha-worker", status="ACTIVE"
    )["jobDefinitions"]
    assert {one["containerProperties"]["image"] for one in definitions} == {image, other}
    (stack,) = aws_server.client("cloudformation").describe_stacks(
        StackName=f"{stack_name}-team-alpha"
    )["Stacks"]
    assert {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}["GitHub"] == github


def test_removing_a_team_keeps_what_it_stored(
    deployed: Mapping[str, Any], aws_command: Command, aws_server: AwsServer
) -> None:
    assert team(aws_command, "add", "alpha", "--yes").error is None
    bucket = deployed["outputs"]["ResultsBucket"]
    aws_server.client("s3").put_object(Bucket=bucket, Key="teams/alpha/runs/1/x", Body=b"{}")
    assert team(aws_command, "remove", "alpha", "--yes").error is None
    assert team(aws_command, "list").output.endswith("has no teams\n")
    assert aws_server.client("s3").get_object(Bucket=bucket, Key="teams/alpha/runs/1/x")
    error = aws_command("connect", "--team", "alpha").error
    assert "has no team 'alpha'; it has none. Add it with" in str(error)


def test_a_team_is_removed_while_jobs_of_another_one_run_and_not_while_its_own_do(
    deployed: Mapping[str, Any], aws_command: Command, aws_server: AwsServer, stack_name: str
) -> None:
    for name in ("a", "ab"):
        assert team(aws_command, "add", name, "--yes").error is None
    batch = aws_server.client("batch")
    job = batch.submit_job(
        jobName="long",
        jobQueue=deployed["outputs"]["OnDemandQueue"],
        jobDefinition=f"{stack_name}-team-ab-worker",
        containerOverrides={"command": ["sleep", "600"]},
        shareIdentifier="ab",
        schedulingPriorityOverride=1,
    )["jobId"]
    try:
        error = team(aws_command, "remove", "ab", "--yes").error
        assert "the team ab has 1 unfinished job, which would fail without its role" in str(error)
        assert team(aws_command, "remove", "a", "--yes").error is None
    finally:
        batch.terminate_job(jobId=job, reason="the test is over")
