"""A strategy with the rights of workers forges what it can, and no number of another run changes.

The stand-in enforces the policies of the template. The forger has the access key of workers, and
knows everything of the run that it attacks apart from its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

import backfleet as bf
from backfleet.bundles.exporting import export_bundle
from backfleet.bundles.importing import import_bundle
from backfleet.chunks.chunk import Chunk
from backfleet.chunks.formats import PART
from backfleet.chunks.rows import RowTable, read_rows
from backfleet.plan.plan import plan_job
from backfleet.results import compact as compacting
from backfleet.results.assemble import assemble
from backfleet.runs.open import open_run
from backfleet.store.records import DamagedRecord
from backfleet.store.seals import NotAuthenticated, Seals
from sample_job import job_text
from testbed.aws.deployment import AwsServer
from testbed.aws.server import SUBMITTER, WORKER

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}
FORGED = 1476984.99


@pytest.fixture
def job(job_file: Callable[..., Path]) -> bf.Job:
    """The job that the forger attacks."""
    return bf.Job.load(job_file())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of that job, computed once."""
    folder = tmp_path_factory.mktemp("computed")
    job = folder / "job.toml"
    job.write_text('name = "sample"' + job_text())
    export_bundle(bf.run(bf.Job.load(job), progress=None), folder / "run.zip")
    return folder / "run.zip"


@pytest.fixture
def run(bundle: Path, aws_server: AwsServer) -> bf.Run:
    """The finished run in the store, with its key and its seals."""
    return import_bundle(bundle, f"s3://{aws_server.bucket}/runs").run


@pytest.fixture
def forged(bundle: Path, tmp_path: Path) -> Mapping[str, bytes]:
    """The chunks of the run as the forger would have them, by their keys, with sound hashes."""
    store = import_bundle(bundle, f"{tmp_path}/forger").run.store
    blobs = {entry.key: store.read(entry.key) for entry in store.list("blobs/")}
    chunks = {entry.key: _forged(store.read(entry.key)) for entry in store.list("chunks/")}
    return blobs | chunks


def _forged(content: bytes) -> bytes:
    chunk = Chunk.from_bytes(content)
    rows = read_rows(chunk.body, chunk.header.count)
    at = rows.column_names.index("final_value")
    values = pa.array([FORGED] * len(rows))
    rows = rows.set_column(at, "final_value", values)
    return replace(chunk, body=RowTable(rows).to_bytes()).to_bytes()


@pytest.fixture
def write(aws_server: AwsServer) -> Callable[..., int]:
    """Write an object with an access key; returns the status."""

    def put(run: str, key: str, content: bytes, who: str = WORKER, **options: str) -> int:
        s3 = aws_server.client("s3", aws_access_key_id=who, aws_secret_access_key=who)
        try:
            s3.put_object(
                Bucket=aws_server.bucket, Key=f"runs/{run}/{key}", Body=content, **options
            )
        except ClientError as error:
            status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return status
        return 200

    return put


def values(run: bf.Run) -> dict[str, float]:
    frame = run.results()
    return dict(zip(frame["symbol"], frame["final_value"].round(2), strict=True))


def test_chunks_that_were_written_in_advance_cost_a_generation_and_nothing_else(
    job: bf.Job, options: list[str], forged: Mapping[str, bytes], write: Callable[..., int]
) -> None:
    run_id = plan_job(job).manifest.run_id
    for key, content in forged.items():
        assert write(run_id, key, content, IfNoneMatch="*") == 200
    with pytest.warns(DamagedRecord, match="its seal is not that of this run"):
        run = bf.run(job, "aws-batch", [*options, "workers=1"], progress=None)

    assert values(run) == GOLDEN
    assert values(open_run(run.url)) == GOLDEN
    assert {header.generation for header in run.chunk_index.headers()} == {1}


def test_later_generations_and_parts_of_a_forger_do_not_count(
    run: bf.Run, forged: Mapping[str, bytes], write: Callable[..., int]
) -> None:
    for key, content in forged.items():
        if key.startswith("chunks/"):
            later = Chunk.from_bytes(content)
            later = replace(later, header=replace(later.header, generation=1))
            assert write(run.id, key[:-1] + "1", later.to_bytes(), IfNoneMatch="*") == 200
            part = key.replace("chunks/", "parts/") + "/00000000-1"
            assert write(run.id, part, later.to_bytes(PART), IfNoneMatch="*") == 200

    assert values(open_run(run.url)) == GOLDEN


def test_a_forger_writes_over_nothing_and_creates_nothing_that_clients_write(
    run: bf.Run, forged: Mapping[str, bytes], write: Callable[..., int]
) -> None:
    content = forged["chunks/000000.0"]
    assert write(run.id, "chunks/000000.0", content) == 403
    assert write(run.id, "chunks/000000.0", content, IfNoneMatch="*") == 412
    for key in (
        "manifest.json",
        "results.parquet",
        "facts.json",
        "code.json",
        "submissions/1.handle.json",
        "submissions/2.json",
        "submissions/1.canceled.json",
        f"../../keys/all/{run.id}",
    ):
        assert write(run.id, key, content, IfNoneMatch="*") == 403
        assert write(run.id, key, content) == 403
    assert values(open_run(run.url)) == GOLDEN


def test_workers_cannot_read_a_key_and_submitters_cannot_replace_it(
    run: bf.Run, aws_server: AwsServer
) -> None:
    key = f"keys/all/{run.id}"
    for who, call in ((WORKER, "get_object"), (WORKER, "put_object"), (SUBMITTER, "put_object")):
        s3 = aws_server.client("s3", aws_access_key_id=who, aws_secret_access_key=who)
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(s3, call)(Bucket=aws_server.bucket, Key=key)


def test_a_compacted_file_that_others_wrote_is_not_believed(
    run: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = assemble(run.chunk_index)
    at = rows.column_names.index("final_value")
    rows = rows.set_column(at, "final_value", pa.array([FORGED] * len(rows)))
    with monkeypatch.context() as patch:
        # Everything of it is right except what takes the key.
        patch.setattr(compacting, "tables_of", lambda _: iter([rows]))
        patch.setattr(run.store, "seals", Seals())
        compacting.compact(run.store, run.chunk_index)
        assert values(run) == dict.fromkeys(GOLDEN, FORGED)

    assert values(open_run(run.url)) == GOLDEN


def test_a_reader_without_the_key_is_told_that_nothing_is_authenticated(
    run: bf.Run, aws_server: AwsServer
) -> None:
    policies = aws_server.rendered_policies()
    rules = [
        {**rule, "Resource": [name for name in rule["Resource"] if "/keys/" not in name]}
        if rule["Sid"] == "ReadShared"
        else rule
        for rule in policies["roles"][SUBMITTER]
    ]
    aws_server.enforce(policies | {"roles": {SUBMITTER: rules}})

    with pytest.warns(NotAuthenticated, match=f"keys/all/{run.id}"):
        assert values(open_run(run.url)) == GOLDEN


def test_a_condition_that_nobody_evaluates_allows_nothing_and_fails_the_test(
    aws_server: AwsServer, write: Callable[..., int]
) -> None:
    policies = aws_server.rendered_policies()
    condition = {"NumericLessThan": {"s3:if-none-match": "5"}}
    rules = [{**rule, "Condition": condition} for rule in policies["roles"][WORKER]]
    aws_server.enforce(policies | {"roles": {WORKER: rules}})

    assert write("0" * 16, "chunks/000000.0", b"", IfNoneMatch="*") == 403
    assert aws_server.unevaluated() == ["an operator that nobody evaluates: NumericLessThan"]
