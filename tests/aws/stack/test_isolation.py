"""Workers create what is theirs to create, and nothing else: the rendered policies decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from backfleet_executors.aws.batch.settings import TEAM_TAG
from policy_evaluator import (
    ACCOUNT,
    Policies,
    Rendering,
    Request,
    is_allowed,
    statements_of,
    weakened,
)

Statements = Sequence[Mapping[str, Any]]

RESULTS = f"arn:aws:s3:::fleet-results-{ACCOUNT}-us-east-1"
DATA = f"arn:aws:s3:::fleet-data-{ACCOUNT}-us-east-1"
RUN = "runs/0123456789abcdef"
KEY = "keys/all/0123456789abcdef"
TLS = {"aws:SecureTransport": "true"}
CREATE = TLS | {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}
OVERWRITE = TLS | {"s3:ObjectCreationOperation": "true"}
JOB_ROLE, SUBMITTER = "JobRole", "SubmitterRole"
CREATED_BY_WORKERS = (
    f"{RUN}/chunks/000000.0",
    f"{RUN}/parts/000000.0/00000000-2",
    f"{RUN}/blobs/{'a' * 64}",
    f"{RUN}/blobs/{'a' * 64}.1",
    f"{RUN}/logs/000000.0.txt",
    f"{RUN}/submissions/1.failure.0.json",
)
NEVER_WRITTEN_BY_WORKERS = (
    f"{RUN}/manifest.json",
    f"{RUN}/code.json",
    f"{RUN}/code/{'a' * 64}.whl",
    f"{RUN}/submissions/1.json",
    f"{RUN}/submissions/1.handle.json",
    f"{RUN}/submissions/1.canceled.json",
    f"{RUN}/results.parquet",
    f"{RUN}/facts.json",
    f"{RUN}/labels/{'a' * 64}.json",
    "runs/known/1/base/run.json",
    "runs/known/1/chunks/run.json",
    "runs/trials/1/family/run.json",
    "runs/trials/1/chunks/run.json",
    f"images/{'a' * 64}.json",
    KEY,
    "keys/teams/alpha/runs/0123456789abcdef",
    "teams/alpha/runs/0123456789abcdef/chunks/000000.0",
    "software/backfleet.toml",
)


def policies(role: str) -> Policies:
    return Policies(statements_of(role), statements_of("ResultsBucketPolicy"))


def put(key: str, context: Mapping[str, str] = CREATE) -> Request:
    return Request("s3:PutObject", f"{RESULTS}/{key}", context)


def get(key: str) -> Request:
    return Request("s3:GetObject", f"{RESULTS}/{key}", TLS)


def delete(key: str) -> Request:
    return Request("s3:DeleteObject", f"{RESULTS}/{key}", TLS)


def listing(prefix: str) -> Request:
    return Request("s3:ListBucket", RESULTS, TLS | {"s3:prefix": prefix})


@pytest.mark.parametrize("key", CREATED_BY_WORKERS)
def test_a_worker_creates_its_objects_and_never_writes_over_one(key: str) -> None:
    worker = policies(JOB_ROLE)
    assert is_allowed(worker, put(key))
    assert not is_allowed(worker, put(key, OVERWRITE))
    # A bucket that the user brings has no policy of the stack: the role alone must refuse.
    assert not is_allowed(replace(worker, bucket=()), put(key, OVERWRITE))


@pytest.mark.parametrize("context", [CREATE, OVERWRITE])
@pytest.mark.parametrize("key", NEVER_WRITTEN_BY_WORKERS)
def test_a_worker_cannot_write_what_clients_write(key: str, context: Mapping[str, str]) -> None:
    assert not is_allowed(policies(JOB_ROLE), put(key, context))


@pytest.mark.parametrize("role", [JOB_ROLE, SUBMITTER])
def test_parts_alone_are_tagged_for_their_removal(role: str) -> None:
    assert [is_allowed(policies(role), request) for request in TAGS] == [True, False]


def test_a_worker_reads_its_store_and_its_data_and_nothing_beside() -> None:
    worker = policies(JOB_ROLE)
    assert is_allowed(worker, get(f"{RUN}/manifest.json"))
    assert is_allowed(worker, Request("s3:GetObject", f"{DATA}/stock.csv", TLS))
    assert is_allowed(worker, listing(f"{RUN}/chunks/"))
    assert not is_allowed(worker, get(f"images/{'a' * 64}.json"))
    assert not is_allowed(worker, get(KEY))
    assert not is_allowed(worker, listing("images/"))
    # What S3 asks when an object is missing.
    assert is_allowed(worker, Request("s3:ListBucket", RESULTS, TLS))
    assert not is_allowed(worker, Request("s3:PutObject", f"{DATA}/stock.csv", CREATE))
    assert not is_allowed(worker, Request("s3:DeleteObject", f"{RESULTS}/{RUN}/chunks/0", TLS))


def test_only_the_deployer_creates_records_of_images_and_submitters_read_them() -> None:
    submitter = policies(SUBMITTER)
    assert is_allowed(submitter, get(f"images/{'a' * 64}.json"))
    assert not is_allowed(submitter, put(f"images/{'a' * 64}.json"))
    admin: Statements = [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]
    deployer = replace(submitter, identity=admin)
    assert is_allowed(deployer, put(f"images/{'a' * 64}.json"))
    assert not is_allowed(deployer, put(f"images/{'a' * 64}.json", OVERWRITE))


def test_submitters_create_keys_and_read_them_and_nobody_writes_over_one() -> None:
    submitter = policies(SUBMITTER)
    assert is_allowed(submitter, put(KEY))
    assert is_allowed(submitter, get(KEY))
    assert not is_allowed(submitter, put(KEY, OVERWRITE))
    admin: Statements = [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]
    assert not is_allowed(replace(submitter, identity=admin), put(KEY, OVERWRITE))


def test_a_curator_removes_runs_and_neither_trials_nor_keys_nor_data() -> None:
    curator = policies("CuratorRole")
    assert is_allowed(curator, delete(f"{RUN}/chunks/000000.0"))
    assert is_allowed(curator, delete("runs/known/1/x/0123.json"))
    for key in ("runs/trials/1/x/0123.json", KEY, "images/x", "software/x"):
        assert not is_allowed(curator, delete(key))
    assert not is_allowed(curator, Request("s3:DeleteObject", f"{DATA}/stock.csv", TLS))
    assert not is_allowed(curator, put(f"{RUN}/chunks/000000.0"))
    assert not is_allowed(policies(SUBMITTER), delete(f"{RUN}/chunks/000000.0"))


def test_a_worker_reads_no_key_in_a_bucket_that_holds_the_data_too() -> None:
    role = Policies(Rendering(names=ONE_BUCKET).statements_of(JOB_ROLE))
    assert is_allowed(role, get("data/stock.csv"))
    assert not is_allowed(role, get(KEY))


@pytest.mark.parametrize(
    "key",
    [
        f"{RUN}/manifest.json",
        f"{RUN}/chunks/000000.0",
        f"{RUN}/parts/000000.0/00000000-2",
        f"{RUN}/blobs/{'a' * 64}",
        f"{RUN}/code/{'a' * 64}.whl",
        "runs/known/1/base/run.json",
        "runs/trials/1/family/run.json",
    ],
)
def test_nobody_writes_over_what_a_store_writes_once(key: str) -> None:
    submitter = policies(SUBMITTER)
    assert is_allowed(submitter, put(key))
    assert not is_allowed(submitter, put(key, OVERWRITE))
    # The parts of an upload carry no condition; finishing it does.
    assert is_allowed(submitter, put(key, TLS | {"s3:ObjectCreationOperation": "false"}))


def test_the_endpoint_to_s3_lets_through_what_workers_may_do_and_no_other_bucket() -> None:
    endpoint, worker = Policies(statements_of("S3Endpoint")), policies(JOB_ROLE)
    allowed = [request for request in REQUESTS if is_allowed(worker, request)]
    assert len(allowed) > 6
    assert all(is_allowed(endpoint, request) for request in allowed)
    for action in ("s3:GetObject", "s3:PutObject"):
        assert not is_allowed(endpoint, Request(action, "arn:aws:s3:::elsewhere/x", CREATE))
    assert not is_allowed(endpoint, Request("s3:DeleteObject", f"{RESULTS}/{RUN}/x", TLS))


@pytest.mark.parametrize(
    ("endpoint", "allowed", "other"),
    [
        ("EcrApiEndpoint", "ecr:BatchGetImage", "ecr:PutImage"),
        ("EcrLayersEndpoint", "ecr:GetDownloadUrlForLayer", "ecr:PutImage"),
        ("LogsEndpoint", "logs:PutLogEvents", "logs:CreateLogGroup"),
    ],
)
def test_other_endpoints_let_through_what_starting_a_container_takes(
    endpoint: str, allowed: str, other: str
) -> None:
    statements = statements_of(endpoint)
    (own,) = (rule["Resource"] for rule in statements if allowed in rule["Action"])
    assert is_allowed(Policies(statements), Request(allowed, own))
    assert not is_allowed(Policies(statements), Request(other, own))
    elsewhere = own.replace(ACCOUNT, "210987654321")
    assert not is_allowed(Policies(statements), Request(allowed, elsewhere))


@pytest.mark.parametrize("role", [JOB_ROLE, SUBMITTER])
def test_nothing_is_sent_in_plain_text(role: str) -> None:
    plain = {"aws:SecureTransport": "false"}
    assert not is_allowed(policies(role), put(f"{RUN}/logs/x", CREATE | plain))
    assert not is_allowed(policies(role), replace(get(f"{RUN}/logs/x"), context=plain))


# -- no protection is one that nobody would miss ---------------------------------------------------


ONE_BUCKET = {"DataBucket": f"fleet-results-{ACCOUNT}-us-east-1"}
"""A rendering in which results and data have one bucket."""

UPLOAD = TLS | {"s3:ObjectCreationOperation": "false"}
TAGS = [
    Request("s3:PutObjectTagging", f"{RESULTS}/{key}", TLS)
    for key in (f"{RUN}/parts/000000.0/00000000-2", f"{RUN}/chunks/000000.0")
]
PLAIN = CREATE | {"aws:SecureTransport": "false"}
REQUESTS = (
    *(
        put(key, context)
        for key in (*CREATED_BY_WORKERS, *NEVER_WRITTEN_BY_WORKERS)
        for context in (CREATE, OVERWRITE, UPLOAD, PLAIN)
    ),
    *map(get, ("images/x", KEY, f"{RUN}/manifest.json")),
    *map(delete, ("images/x", KEY, f"{RUN}/manifest.json", "runs/trials/1/x", "runs/known/1/x")),
    *map(listing, (f"{RUN}/chunks/", "images/")),
    *TAGS,
    Request("s3:ListBucket", RESULTS, TLS),
    Request("s3:GetObject", f"{DATA}/x", TLS),
    Request("s3:PutObject", f"{DATA}/x", TLS),
    Request("s3:ListBucket", DATA, TLS),
    *(
        Request(action, f"{bucket}/teams/alpha/{path}", CREATE)
        for action in ("s3:GetObject", "s3:PutObject")
        for bucket, path in ((DATA, "data/stock.csv"), (RESULTS, f"{RUN}/manifest.json"))
    ),
    get("software/backfleet.toml"),
    listing("keys/all/x"),
    get(f"{RUN}/logs/x"),
)


def decisions(decided: Policies) -> list[bool]:
    return [is_allowed(decided, request) for request in REQUESTS]


@pytest.mark.parametrize("role", [JOB_ROLE, SUBMITTER, "CuratorRole", "CompactionRole"])
def test_every_statement_and_condition_of_a_role_decides_a_request(role: str) -> None:
    # Without the bucket policy: the user's own bucket does not have it.
    unnoticed = []
    for rendering in (Rendering(), Rendering(names=ONE_BUCKET)):
        statements = [
            statement for statement in rendering.statements_of(role) if _is_of_s3(statement)
        ]
        before = decisions(Policies(statements))
        unnoticed.append(
            {name for name, rest in weakened(statements) if decisions(Policies(rest)) == before}
        )
    assert set.intersection(*unnoticed) == set()


def test_every_statement_and_condition_of_the_results_bucket_decides_a_request() -> None:
    submitter, bucket = statements_of(SUBMITTER), statements_of("ResultsBucketPolicy")
    before = decisions(Policies(submitter, bucket))
    unnoticed = [
        name for name, rest in weakened(bucket) if decisions(Policies(submitter, rest)) == before
    ]
    assert unnoticed == []


@pytest.mark.parametrize("role", [SUBMITTER, "CleanupRole", "ExecutionRole"])
def test_every_statement_and_condition_beside_s3_decides_a_request(role: str) -> None:
    statements = [rule for rule in statements_of(role) if not _is_of_s3(rule)]
    contexts: Sequence[Mapping[str, str]] = (
        {},
        {"aws:ResourceTag/backfleet:run": "0" * 16},
        {"batch:ShareIdentifier": "userann"},
        {"batch:ShareIdentifier": "teamalpha"},
        *(
            {f"aws:RequestTag/{TEAM_TAG}": new, f"aws:ResourceTag/{TEAM_TAG}": old}
            for new in ("all", "alpha")
            for old in ("all", "alpha")
        ),
        {f"aws:RequestTag/{TEAM_TAG}": "all"},
    )
    requests = [
        Request(action, resource.replace("*", "x"), context)
        for rule in statements
        for action in rule["Action"]
        for resource in _listed(rule["Resource"])
        for context in contexts
    ]

    def decided(rules: Statements) -> list[bool]:
        return [is_allowed(Policies(rules), request) for request in requests]

    before = decided(statements)
    assert [name for name, rest in weakened(statements) if decided(rest) == before] == []


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _is_of_s3(statement: Mapping[str, Any]) -> bool:
    return any(action.startswith("s3:") for action in statement["Action"])
