"""Rows that earlier runs of a store have computed are copied into a new run."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.model import OperationModel

import backfleet as bf
from backfleet.code.kept_code import is_kept
from backfleet.executor import Submission
from backfleet.plan.find_known_rows import find_known_rows
from backfleet.plan.known_copy import copy_known_rows
from backfleet.plan.known_rows import KnownRows
from backfleet.plan.manifest import Manifest
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.runs.control import RunControl
from backfleet.runs.open import list_runs
from backfleet.runs.start import submit_plan
from backfleet.store import open_store
from backfleet.store.s3_client import s3_client
from backfleet_executors.local import LocalExecutor
from exhaustive_cases import cases
from sample_job import job_of

PERIODS = [10, 15]
WIDER = [20, 15, 5, 10]
SYMBOLS = ("600519", "600559")
MORE_SYMBOLS = ("600560", "600519", "600559")

Fresh = Callable[..., bf.Run]

FALLIBLE = '''
import backtrader as bt


class Fallible(bt.Strategy):
    """Fails for odd points, and leaves metrics of any kind."""

    params = (("k", 1), ("mark", "none"))

    def next(self):
        pass

    def stop(self):
        if self.p.k % 2:
            raise ValueError("an odd point")
        marks = {"none": None, "number": 1, "text": "seen"}
        self.metrics = {"half": self.p.k / 2, "mark": marks[self.p.mark]}
'''


@pytest.fixture(scope="module")
def lenders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store with one finished run, for each level of detail."""
    stores = {}
    for detail in ("summary", "full"):
        stores[detail] = tmp_path_factory.mktemp(detail) / "runs"
        run(job(stores[detail], detail=detail))
    return stores


@pytest.fixture
def store(lenders: dict[str, Path], tmp_path: Path) -> Path:
    """A store with a finished run that keeps no details."""
    return Path(shutil.copytree(lenders["summary"], tmp_path / "runs"))


@pytest.fixture
def full_store(lenders: dict[str, Path], tmp_path: Path) -> Path:
    """A store with a finished run that keeps details."""
    return Path(shutil.copytree(lenders["full"], tmp_path / "runs"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Compute a job in a store of its own; equal jobs are computed once."""
    runs: dict[str, bf.Run] = {}

    def compute(**changes: Any) -> bf.Run:
        planned = plan_job(job(tmp_path_factory.mktemp("fresh") / "runs", **changes))
        run_id = planned.manifest.run_id
        if run_id not in runs:
            runs[run_id] = run(planned.job).run
        return runs[run_id]

    return compute


def job(store: Path | str, *, detail: str = "summary", **changes: Any) -> bf.Job:
    usual = {"params": {"period": PERIODS}, "symbols": SYMBOLS}
    return job_of(store, results={"store": str(store), "detail": detail}, **(usual | changes))


def run(request: bf.Job, **options: Any) -> RunControl:
    control = bf.submit(request, **options)
    control.wait()
    return control


def known(request: bf.Job) -> KnownRows:
    """The rows that the job's store has for it."""
    manifest = plan_job(request).manifest
    store = open_store(request.results.store)
    return find_known_rows(store, manifest, every_chunk(manifest))


def every_chunk(manifest: Manifest) -> list[tuple[int, int]]:
    return [(chunk, 0) for chunk in range(len(manifest.chunks))]


def only_run(store: Path) -> Path:
    (manifest,) = store.glob("*/manifest.json")
    return manifest.parent


def assert_equal_runs(reused: bf.Run, computed: bf.Run) -> None:
    """All that is stored of two runs is equal, but for when and where rows were computed."""
    reused.counts()
    headers, others = reused.chunk_index.headers(), computed.chunk_index.headers()
    assert reused.id == computed.id
    assert [header.logical for header in headers] == [header.logical for header in others]
    assert [header.blobs for header in headers] == [header.blobs for header in others]
    varying = ["seconds", "engine", "origin"]
    rows, other_rows = reused.results().drop(columns=varying), computed.results()
    assert rows.equals(other_rows.drop(columns=varying))


@pytest.mark.parametrize("detail", cases("full", exhaustive=["summary"]))
def test_wider_axes_and_another_symbol_compute_only_what_is_new(
    detail: str, lenders: dict[str, Path], tmp_path: Path, fresh: Fresh
) -> None:
    store = Path(shutil.copytree(lenders[detail], tmp_path / "runs"))
    origin = only_run(store).name
    changes = {"detail": detail, "params": {"period": WIDER}, "symbols": MORE_SYMBOLS}
    control = run(job(store, **changes))
    assert (control.reused, control.summary().reused) == (4, 4)
    assert_equal_runs(control.run, fresh(**changes))
    rows = control.run.results()
    copied = rows[rows["origin"].notna()]
    assert set(zip(copied["symbol"], copied["period"], strict=True)) == {
        (symbol, period) for symbol in SYMBOLS for period in PERIODS
    }
    assert set(copied["origin"]) == {origin}


def test_a_mixed_chunk_merges_known_and_computed_rows(full_store: Path, fresh: Fresh) -> None:
    # Of 60 points, several are in one chunk.
    changes = {"detail": "full", "params": {"period": list(range(5, 65))}}
    control = run(job(full_store, **changes))
    headers = control.run.chunk_index.headers()
    assert any(0 < header.reused < header.count for header in headers)
    assert sum(header.reused for header in headers) == control.reused == 4
    assert_equal_runs(control.run, fresh(**changes))


def test_a_run_whose_tasks_a_newer_one_has_lends_none(store: Path) -> None:
    newer = run(job(store, params={"period": [15, 20]})).run.id
    rows = known(job(store, params={"period": [15, 25]}))
    assert (len(rows), {origin.run_id for origin in rows.origins}) == (2, {newer})


def test_a_known_job_starts_no_worker(full_store: Path) -> None:
    request = job(full_store, detail="full", params={"period": [15, 10]}, symbols=SYMBOLS[:1])
    control = run(request, detach=False)
    assert (control.reused, control.started_workers) == (2, False)
    assert control.run.state() == "complete"
    entry = control.run.latest_submission()
    assert (entry.submission.shards, entry.handle) == ((), None)
    assert is_kept(control.run.store)
    lender = bf.open_run(only_run_but(full_store, control.run.id))
    rows = control.run.results().set_index("period")
    originals = lender.results().query("symbol == '600519'").set_index("period")
    assert rows["total_return"].to_dict() == originals["total_return"].to_dict()
    assert control.run.equity(1).equals(lender.equity(0))
    assert control.run.orders(0).equals(lender.orders(1))


def only_run_but(store: Path, run_id: str) -> Path:
    (manifest,) = (path for path in store.glob("*/manifest.json") if path.parent.name != run_id)
    return manifest.parent


def test_a_known_job_runs_again_and_resumes_without_workers(store: Path) -> None:
    request = job(store, params={"period": [10]})
    run(request)
    again = run(request)
    assert (again.reused, again.done_before, again.started_workers) == (0, 2, False)
    again.resume()
    assert not again.started_workers
    assert again.wait().succeeded


@pytest.mark.parametrize("sweep", [{"sample": 1}, {"where": "period > 10"}])
def test_sampled_and_filtered_points_are_known(store: Path, sweep: dict[str, Any]) -> None:
    assert len(known(job(store, sweep=sweep))) == 2


def test_points_of_a_table_are_known(store: Path, tmp_path: Path) -> None:
    table = tmp_path / "points.parquet"
    pq.write_table(pa.table({"period": [15, 33, 10]}), table)
    request = job(store, params={}, sweep={"points": str(table)})
    assert known(request).tasks.tolist() == [0, 2, 3, 5]


def test_equal_points_of_a_table_are_stored_alike(full_store: Path, tmp_path: Path) -> None:
    table = tmp_path / "points.parquet"
    pq.write_table(pa.table({"period": [15, 15, 10]}), table)
    request = job(full_store, detail="full", params={}, sweep={"points": str(table)})
    control = run(request)
    counts = [len(control.run.equity(task)) for task in range(3)]
    assert len(set(counts)) == 1


def test_details_serve_a_run_without_them(full_store: Path, fresh: Fresh) -> None:
    control = run(job(full_store))
    assert (control.reused, control.started_workers) == (4, False)
    assert_equal_runs(control.run, fresh())


def test_rows_without_details_do_not_serve_a_run_with_them(store: Path) -> None:
    assert len(known(job(store, detail="full"))) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 7},
        {"broker": {"cash": 50_000, "commission": 0.0002}},
        {"engine": "backtrader-stock"},
        {"params": {"period": [10], "sizing": "fee-aware"}},
    ],
    ids=lambda change: str(next(iter(change))),
)
def test_what_changes_rows_is_computed(store: Path, change: dict[str, Any]) -> None:
    assert len(known(job(store, **({"params": {"period": [10, 20]}} | change)))) == 0


def test_names_and_other_files_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FALLIBLE)
    base = {"strategy": f"{file}:Fallible", "params": {"k": [2, 4], "mark": "text"}}
    run(job(tmp_path / "runs", **base))
    (tmp_path / "scratch.py").write_text("unrelated = 1\n")
    wider = job(
        tmp_path / "runs", **base | {"name": "other", "params": {"k": [2, 4, 6], "mark": "text"}}
    )
    assert len(known(wider)) == 4
    file.write_text(FALLIBLE.replace("/ 2", "/ 3"))
    assert len(known(wider)) == 0


def test_failed_rows_are_computed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FALLIBLE)
    base = {"strategy": f"{file}:Fallible", "params": {"k": [1, 2], "mark": "text"}}
    run(job(tmp_path / "runs", **base))
    changes = base | {"params": {"k": [1, 2, 3], "mark": "text"}}
    control = run(job(tmp_path / "runs", **changes))
    assert control.reused == 2
    assert_equal_runs(control.run, run(job(tmp_path / "other", **changes)).run)


def test_rows_that_depend_on_an_undeclared_file_are_computed(tmp_path: Path) -> None:
    file, tuned = tmp_path / "mine.py", tmp_path / "tuned.txt"
    opens = "open('tuned.txt').close()"
    reads = FALLIBLE.replace("        marks =", f"        {opens}\n        marks =")
    file.write_text(reads)
    tuned.write_text("1")
    base = {"strategy": f"{file}:Fallible"}
    run(job(tmp_path / "runs", **base, params={"k": [2, 4], "mark": "text"}))
    assert len(known(job(tmp_path / "runs", **base, params={"k": 2, "mark": "text"}))) == 0


def test_a_row_with_an_ambiguous_metric_is_computed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FALLIBLE)
    # The chunk of all tasks has a column that holds text, for one of them has text.
    base = {"strategy": f"{file}:Fallible", "symbols": SYMBOLS[:1]}
    run(job(tmp_path / "runs", **base, params={"k": 2, "mark": ["none", "number", "text"]}))
    counts = [
        len(known(job(tmp_path / "runs", **base, params={"k": 2, "mark": mark})))
        for mark in ("none", "number", "text")
    ]
    assert counts[0] == 0
    assert counts[2] == 1


def test_portfolios_are_known_with_all_of_their_symbols(tmp_path: Path, fresh: Fresh) -> None:
    def portfolio(store: Path, symbols: Sequence[str], periods: Sequence[int]) -> bf.Job:
        request = job(store, symbols=symbols, params={"period": periods}, detail="full")
        data = request.data.model_dump() | {"universe": "portfolio"}
        return bf.Job(**request.model_dump() | {"data": data})

    store = tmp_path / "runs"
    strategy_job = portfolio(store, SYMBOLS, PERIODS)
    run(strategy_job)
    wider = run(portfolio(store, SYMBOLS, WIDER))
    assert wider.reused == 2
    assert_equal_runs(wider.run, run(portfolio(tmp_path / "other", SYMBOLS, WIDER)).run)
    assert len(known(portfolio(store, MORE_SYMBOLS, PERIODS))) == 0


def test_a_copied_row_keeps_the_run_that_computed_it(store: Path) -> None:
    origin = only_run(store).name
    second = run(job(store, params={"period": [10]})).run
    shutil.rmtree(store / origin)
    third = run(job(store, params={"period": [10]}, symbols=SYMBOLS[:1])).run
    assert second.id != third.id
    assert third.results()["origin"].tolist() == [origin]


def test_seconds_count_computed_rows_only(store: Path) -> None:
    control = run(job(store, params={"period": WIDER}))
    rows = control.run.results()
    computed = rows[rows["origin"].isna()]["seconds"].sum()
    assert control.run.counts().seconds == pytest.approx(computed)
    assert computed < rows["seconds"].sum()


def test_reuse_can_be_turned_off(store: Path) -> None:
    control = run(job(store, params={"period": [10]}), reuse=False)
    assert (control.reused, control.started_workers) == (0, True)
    assert control.run.results()["origin"].isna().all()


def test_the_command_line_counts_known_tasks(
    store: Path, backfleet: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "job.toml"
    request = job(store, params={"period": [10, 15, 20]})
    file.write_text(
        f"""strategy = "sma-crossover"
[params]
period = [10, 15, 20]
[data]
source = "cn-daily"
path = "{request.data.path}"
symbols = {json.dumps(SYMBOLS)}
timezone = "Asia/Shanghai"
[broker]
cash = 100_000
commission = 0.0002
[results]
store = "{store}"
detail = "summary"
"""
    )
    text = backfleet("run", file, "--dry-run").stdout
    assert "0 tasks; 4 known from earlier runs, 2 to compute" in text
    facts = json.loads(backfleet("run", file, "--dry-run", "--json", "--no-reuse").stdout)
    assert (facts["known"], facts["to_compute"]) == (0, 6)
    done = backfleet("run", file)
    assert "4 known from earlier runs, 2 computed" in done.stdout
    assert done.returncode == 0


class RemovesOrigin(LocalExecutor):
    """Removes a run while another one is prepared that was to copy its rows."""

    origin: Path

    def preflight(self, submission: Submission) -> Sequence[str]:
        shutil.rmtree(self.origin, ignore_errors=True)
        return super().preflight(submission)


def test_rows_that_vanish_while_a_run_is_prepared_are_computed(store: Path, fresh: Fresh) -> None:
    executor = RemovesOrigin(LocalExecutor.Settings())
    executor.origin = only_run(store)
    changes = {"params": {"period": WIDER}, "symbols": MORE_SYMBOLS}
    control = submit_plan(plan_job(job(store, **changes)), executor)
    summary = control.wait()
    assert (control.reused, summary.missing) == (0, 0)
    assert_equal_runs(control.run, fresh(**changes))


def test_copied_rows_do_not_need_their_origin(store: Path, fresh: Fresh) -> None:
    changes = {"params": {"period": WIDER}, "symbols": MORE_SYMBOLS}
    control = bf.submit(job(store, **changes))
    shutil.rmtree(store / only_run_but(store, control.run.id).name)
    control.wait()
    assert control.reused == 4
    assert_equal_runs(control.run, fresh(**changes))


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_damaged_chunk_of_an_origin_is_not_used(store: Path, fresh: Fresh) -> None:
    damage(sorted(only_run(store).glob("chunks/*"))[0])
    changes = {"params": {"period": [15, 10]}}
    control = run(job(store, **changes))
    assert 0 < control.reused < 4
    assert_equal_runs(control.run, fresh(**changes))


def test_a_damaged_detail_of_an_origin_is_not_used(full_store: Path, fresh: Fresh) -> None:
    for blob in only_run(full_store).glob("blobs/*"):
        damage(blob)
    changes = {"detail": "full", "params": {"period": [15, 10]}}
    control = run(job(full_store, **changes))
    assert (control.reused, control.started_workers) == (0, True)
    assert_equal_runs(control.run, fresh(**changes))


def test_a_chunk_that_changed_since_it_was_found_is_not_copied(store: Path) -> None:
    manifest = plan_job(job(store, params={"period": [15]})).manifest
    root = open_store(str(store))
    places = every_chunk(manifest)
    rows = find_known_rows(root, manifest, places)
    for chunk in only_run(store).glob("chunks/*"):
        damage(chunk)
    save_manifest(root.at(manifest.run_id), manifest)
    assert len(rows) == 2
    assert copy_known_rows(root, manifest, rows, places) == 0


def test_a_run_whose_client_died_while_it_copied_is_completed(store: Path, fresh: Fresh) -> None:
    changes = {"params": {"period": WIDER}, "symbols": MORE_SYMBOLS}
    request = job(store, **changes)
    manifest = plan_job(request).manifest
    root = open_store(str(store))
    save_manifest(root.at(manifest.run_id), manifest)
    places = every_chunk(manifest)
    copy_known_rows(root, manifest, find_known_rows(root, manifest, places), places[:5])
    control = run(request)
    assert control.run.counts().reused == 4
    assert_equal_runs(control.run, fresh(**changes))


def test_a_run_that_is_copied_from_can_run_at_the_same_time(tmp_path: Path, fresh: Fresh) -> None:
    first = {"params": {"period": [5, 10, 15]}}
    second = {"params": {"period": [15, 20, 10]}}
    controls = [bf.submit(job(tmp_path / "runs", **changes)) for changes in (first, second)]
    for control, changes in zip(controls, (first, second), strict=True):
        assert control.wait().succeeded
        assert_equal_runs(control.run, fresh(**changes))


def test_a_damaged_candidate_is_passed_over(store: Path) -> None:
    (only_run(store) / "manifest.json").write_text("{}")
    assert len(known(job(store, params={"period": [10]}))) == 0


def test_the_index_is_no_run(store: Path) -> None:
    assert [path.name for path in store.iterdir() if path.name == "known"] == ["known"]
    (listed,) = list_runs(store)
    assert isinstance(listed, bf.Run)


def test_finding_takes_few_requests_on_s3(s3_store_url: str) -> None:
    run(job(s3_store_url))
    root = open_store(s3_store_url)
    for number in range(300):
        root.put_if_absent(f"known/1/{number:064}/{number:016}.json", b"{}")
    manifest = plan_job(job(s3_store_url, params={"period": [15, 10, 20]})).manifest
    requests: Counter[str] = Counter()

    def count(model: OperationModel, **_: Any) -> None:
        requests[model.name] += 1

    s3_client().meta.events.register("before-call.s3", count)
    try:
        rows = find_known_rows(root, manifest, every_chunk(manifest))
    finally:
        s3_client().meta.events.unregister("before-call.s3", count)
    assert len(rows) == 4
    # The index; of the one candidate its manifest, key and chunks, and the four with known rows.
    assert requests == {"ListObjectsV2": 2, "GetObject": 2 + 4}
