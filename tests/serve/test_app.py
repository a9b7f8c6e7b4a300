"""The server's pages: what they show is the store's, and nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.bundles import export_bundle, import_bundle
from backfleet.executor import Cost
from backfleet.plan.plan import plan_job
from backfleet.runs.labels import add_labels
from backfleet.serve.read_only import ReadOnlyStore
from backfleet.store import open_store
from http_server import Served
from waiting import until

Serve = Callable[..., Any]
Rows = Callable[[Any], list[dict[str, Any]]]
Runs = tuple[bf.Run, bf.Run]


def standings(server: Served) -> list[dict[str, Any]]:
    """The list, once it is known how every run stands."""

    def known() -> list[dict[str, Any]] | None:
        listed: list[dict[str, Any]] = server.listed()
        return listed if all(row["state"] for row in listed) else None

    return until(known, "it is known how every run stands")


def test_runs_are_listed_with_what_their_manifests_say(
    serve: Serve, store_url: str, finished: Runs, rows: Rows
) -> None:
    server = serve(store_url)
    listed = rows(server.get("/").block("runs"))
    assert {row["run_id"] for row in listed} == {run.id for run in finished}
    by_run = {row["run_id"]: row for row in listed}
    row = by_run[finished[0].id]
    assert row["name"] == "sma"
    assert row["strategy"] == "backfleet_strategies.sma_crossover:SmaCrossover"
    assert row["tasks"] == 4
    assert row["created"] in finished[0].manifest.created.replace("T", " ")


def test_runs_of_one_strategy_can_be_told_apart(
    serve: Serve, store_url: str, finished: Runs, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(store_url, tmp_path / "runs"))
    first, second = (run.id for run in finished)
    add_labels(open_store(str(store / first)), ("paper",), None)
    by_id = {row["run_id"]: row for row in standings(serve(str(store)))}
    assert by_id[first]["parameters"] == "period 10/15, sizing all-in"
    assert by_id[second]["parameters"] == "period 15/20, sizing all-in"
    assert by_id[first]["setup"] == "commission 0.0200%; cash 100,000"
    assert (by_id[first]["tags"], by_id[second]["tags"]) == ("paper", None)
    for run in finished:
        row, results = by_id[run.id], run.results()
        assert (row["first"], row["last"], row["symbols"]) == ("2019-01-02", "2021-07-05", 2)
        assert run.manifest.identity.strategy.code.startswith(row["code"])
        assert row["metric"] == "sharpe"
        assert row["best"] == results[results["trades"] >= 10]["sharpe"].max()
        assert row["median"] == results["sharpe"].median()
        assert row["seconds"] == pytest.approx(run.counts().seconds)


def test_what_was_charged_is_listed(
    serve: Serve, store_url: str, finished: Runs, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(store_url, tmp_path / "runs"))
    log = bf.open_run(store / finished[0].id).submission_log
    log.keep_final_cost(1, Cost(1.5, "USD", "two workers", ceiling=1.5, is_final=True))
    charged = {row["run_id"]: row["charged"] for row in standings(serve(str(store)))}
    assert charged == {finished[0].id: "1.50 USD", finished[1].id: None}


def test_how_runs_stand_becomes_known(serve: Serve, store_url: str, finished: Runs) -> None:
    for row in standings(serve(store_url)):
        assert (row["state"], row["part"], row["error"]) == ("complete", 1.0, 0.0)
        counts = {run.id: run.counts() for run in finished}[row["run_id"]]
        assert row["suspicious"] == counts.suspicious


def test_a_run_has_its_report_with_links_to_its_tasks(
    serve: Serve, store_url: str, finished: Runs, rows: Rows
) -> None:
    run = finished[0]
    answer = serve(store_url).get(f"/runs/{run.id}")
    assert answer.status == 200
    shown = [row["final_value"] for row in rows(answer.block("leaderboard"))]
    assert shown == run.results()["final_value"].tolist()
    assert answer.block("sweep")["tasks"] == f"/runs/{run.id}/tasks"
    assert 'data-src="/static/plotly.min.js"' in answer.text


def test_a_run_is_ranked_as_the_address_says(serve: Serve, store_url: str, finished: Runs) -> None:
    server = serve(store_url)
    assert 'data-sort="calmar"' in server.get(f"/runs/{finished[0].id}?metric=calmar").text
    wrong = server.get(f"/runs/{finished[0].id}?metric=calmr")
    assert wrong.status == 400
    assert "did you mean &#39;calmar&#39;?" in wrong.text


def test_a_task_has_its_report(serve: Serve, store_url: str, finished: Runs, rows: Rows) -> None:
    run = finished[0]
    answer = serve(store_url).get(f"/runs/{run.id}/tasks/1")
    assert "164,109.44" in answer.text
    orders = rows(answer.block("orders"))
    assert [row["status"] for row in orders] == run.orders(1)["status"].tolist()


def test_two_runs_are_compared(serve: Serve, store_url: str, finished: Runs, rows: Rows) -> None:
    first, second = finished
    answer = serve(store_url).get(f"/compare?run={first.id}&run={second.id}")
    pairs = rows(answer.block("pairs"))
    assert {(row["symbol"], row["period"]) for row in pairs} == {("600519", 15), ("600559", 15)}
    assert all(row["d_sharpe"] == 0.0 for row in pairs)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/runs/0000000000000000", 404, "there is no run at"),
        ("/runs/..%2f..%2fetc", 404, "no such page"),
        ("/runs/not-a-run", 404, "is not the id of a run"),
        ("/runs/{run}/tasks/4", 404, "tasks 0 to 3, no task 4"),
        ("/runs/{run}/tasks/x", 404, "no such page"),
        ("/compare?run={run}", 400, "select two"),
        ("/compare?run={run}&run=x", 404, "is not the id of a run"),
        ("/static/secret.py", 404, "no such page"),
        ("/static/absent.js", 404, "no such page"),
        ("/nowhere", 404, "no such page"),
    ],
)
def test_what_is_not_there_is_said(
    serve: Serve, store_url: str, finished: Runs, path: str, status: int, words: str
) -> None:
    answer = serve(store_url).get(path.format(run=finished[0].id))
    assert answer.status == status
    assert words in answer.text


def test_nothing_is_written_into_the_store(
    serve: Serve, store_url: str, finished: Runs, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(store_url, tmp_path / "runs"))
    for run in finished:
        # Whoever may write would make this file anew.
        (store / run.id / "results.parquet").unlink()
    before = {file: file.stat().st_mtime_ns for file in store.rglob("*")}
    server = serve(str(store))
    first, second = (run.id for run in finished)
    standings(server)
    for path in (f"/runs/{first}", f"/runs/{first}/tasks/0", f"/compare?run={first}&run={second}"):
        assert server.get(path).status == 200
    assert {file: file.stat().st_mtime_ns for file in store.rglob("*")} == before


def test_a_store_on_s3_is_served_alike(
    serve: Serve, store_url: str, finished: Runs, s3_store_url: str, rows: Rows
) -> None:
    here, there = open_store(store_url), open_store(s3_store_url)
    for entry in here.list():
        there.put_if_absent(entry.key, here.read(entry.key))
    server = serve(s3_store_url)
    assert {row["run_id"] for row in standings(server)} == {run.id for run in finished}
    report = server.get(f"/runs/{finished[0].id}")
    shown = [row["final_value"] for row in rows(report.block("leaderboard"))]
    assert shown == finished[0].results()["final_value"].tolist()


def test_parts_of_objects_are_read_as_the_store_itself_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store on S3 fetches only these parts, and is listed less often."""
    store = open_store(str(tmp_path))
    for name in ("read_head", "read_range"):
        monkeypatch.setattr(store, name, lambda *request: request)
    monkeypatch.setattr(store, "seconds_per_key", 0.5)
    served = ReadOnlyStore(store).at("run")
    assert tuple(served.read_head("chunks/1", 100)) == ("chunks/1", 100)
    assert tuple(served.read_range("results/1", 2, 3, "v")) == ("results/1", 2, 3, "v")
    assert served.seconds_per_key == 0.5


def test_an_imported_run_is_served_alike(serve: Serve, finished: Runs, tmp_path: Path) -> None:
    export_bundle(finished[0], tmp_path / "run.zip")
    run = import_bundle(tmp_path / "run.zip", str(tmp_path / "theirs")).run
    server = serve(str(tmp_path / "theirs"))
    assert {row["run_id"] for row in standings(server)} == {run.id}
    for path in (f"/runs/{run.id}", f"/runs/{run.id}/tasks/0"):
        assert server.get(path).status == 200


def test_a_run_that_appears_is_listed(
    serve: Serve, make_job: Callable[..., bf.Job], tmp_path: Path
) -> None:
    server = serve(str(tmp_path / "none-yet"))
    assert "There are no runs here yet." in server.get("/").text
    manifest = plan_job(make_job(tmp_path / "none-yet")).manifest
    folder = tmp_path / "none-yet" / manifest.run_id
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    assert [row["run_id"] for row in server.listed()] == [manifest.run_id]
    assert standings(server)[0]["state"] == "incomplete"
    assert "4 of 4 tasks have no result yet." in server.get(f"/runs/{manifest.run_id}").text
    (folder / "manifest.json").unlink()
    assert not server.listed()
    manifest = plan_job(make_job(tmp_path / "none-yet", name="again")).manifest
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    assert [row["name"] for row in server.listed()] == ["again"]


def test_a_damaged_manifest_is_listed_as_such_and_spoils_no_other(
    serve: Serve, store_url: str, finished: Runs, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(store_url, tmp_path / "runs"))
    broken, sound = (run.id for run in finished)
    (store / broken / "manifest.json").write_text("{")
    server = serve(str(store))
    by_run = {row["run_id"]: row for row in standings(server)}
    assert by_run[broken]["state"] == "damaged"
    assert by_run[sound]["state"] == "complete"
    answer = server.get(f"/runs/{broken}")
    assert answer.status == 503
    assert "the record cannot be read as JSON" in answer.text


def test_names_that_look_like_html_stay_text(
    serve: Serve, make_job: Callable[..., bf.Job], tmp_path: Path, rows: Rows
) -> None:
    name = "</script><script>window.hacked=1</script>"
    manifest = replace(plan_job(make_job(tmp_path)).manifest, name=name)
    folder = tmp_path / "runs" / manifest.run_id
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    server = serve(str(tmp_path / "runs"))
    answer = server.get("/")
    assert "<script>window" not in answer.text
    assert rows(answer.block("runs"))[0]["name"] == name
    assert "<script>window" not in server.get(f"/runs/{manifest.run_id}").text


def test_progress_is_told_from_the_store(serve: Serve, store_url: str, finished: Runs) -> None:
    answer = serve(store_url).get(f"/api/runs/{finished[0].id}")
    counts = finished[0].counts()
    assert json.loads(answer.text) == {
        "state": "complete",
        "tasks": 4,
        "done": 4,
        "suspicious": counts.suspicious,
        "error": 0,
    }
