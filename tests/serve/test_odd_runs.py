"""One odd run costs its own line in the list and its own pages, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.store import open_store
from http_server import Served
from stored_records import alter_record
from waiting import until
from watched_store import WatchedStore

Serve = Callable[..., Served]
Runs = tuple[bf.Run, bf.Run]

MARKUP = "</script><script>window.hacked=1</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


@pytest.fixture
def copied(store_url: str, tmp_path: Path) -> Path:
    """A copy of the store of the two finished runs."""
    return Path(shutil.copytree(store_url, tmp_path / "runs"))


def states(server: Served) -> dict[str, str]:
    """The state of every run, once all are known."""

    def known() -> dict[str, str] | None:
        rows = {row["run_id"]: row["state"] for row in server.listed()}
        return rows if all(rows.values()) else None

    return until(known, "the state of every run is known")


@pytest.mark.parametrize(
    "fields",
    [
        {"tasks": 10**400},
        {"tasks": 0},
        {"tasks": -(10**30)},
        {"name": "\ud800"},
        {"name": MARKUP},
        {"name": "x" * 1_000_000},
        {"created": "\x00\x1b[2J"},
        {"run_id": "../../etc"},
    ],
    ids=lambda fields: " ".join(fields),
)
def test_a_forged_manifest_spoils_no_other_run(
    serve: Serve, copied: Path, finished: Runs, fields: dict[str, Any]
) -> None:
    forged, sound = (run.id for run in finished)
    alter_record(copied / forged / "manifest.json", **fields)
    server = serve(str(copied))
    assert server.get("/").status == 200
    assert states(server)[sound] == "complete"
    assert server.get(f"/runs/{sound}").status == 200
    page = server.get(f"/runs/{forged}")
    assert page.status in (200, 500, 503)
    assert "<script>window" not in page.text
    assert "<img src=x" not in page.text
    assert [line for line in server.log if "\n" in line] == []


def test_a_folder_whose_name_is_not_utf_8_spoils_no_other_run(
    serve: Serve, copied: Path, finished: Runs
) -> None:
    odd = os.fsencode(copied) + b"/\xff\xfe"
    shutil.copytree(os.fsencode(copied / finished[0].id), odd)
    server = serve(str(copied))
    assert server.get("/").status == 200
    assert {run.id for run in finished} <= set(states(server))


def test_an_unforeseen_exception_costs_one_line_and_one_line_of_the_log(
    serve: Serve, store_url: str, finished: Runs
) -> None:
    odd, sound = (run.id for run in finished)

    def fail(url: str) -> None:
        if odd in url:
            raise ZeroDivisionError(f"\x1b[2J\n{MARKUP}")

    server = serve(WatchedStore(open_store(store_url), fail))
    for _ in range(3):
        assert server.get("/").status == 200
    rows = {row["run_id"]: row for row in server.listed()}
    assert rows[odd]["state"] == "damaged"
    assert rows[odd]["name"].startswith("ZeroDivisionError: \\x1b[2J </script>")
    assert states(server)[sound] == "complete"
    assert [line[:40] for line in server.log] == [f"backfleet serve: run {odd}: Z"[:40]]


def test_an_unforeseen_exception_of_a_page_is_a_short_page_and_one_line_of_the_log(
    serve: Serve, copied: Path, finished: Runs
) -> None:
    odd, sound = (run.id for run in finished)
    (copied / odd / "facts.json").unlink()

    def fail(url: str) -> None:
        if odd in url and not url.endswith(("manifest.json", "facts.json")):
            raise ZeroDivisionError(f"\x1b[2J\n{MARKUP}")

    server = serve(WatchedStore(open_store(str(copied)), fail))
    page = server.get(f"/runs/{odd}")
    assert page.status == 500
    assert "This page cannot be shown" in page.text
    assert "Traceback" not in page.text
    assert "<script>window" not in page.text
    assert [line for line in server.log if "\n" in line or "\x1b" in line] == []
    assert [line for line in server.log if f"/runs/{odd}: ZeroDivisionError" in line]
    assert server.get(f"/runs/{sound}").status == 200
    assert states(server) == {odd: "unreadable", sound: "complete"}


def test_a_damaged_run_is_still_listed_when_its_damage_is_repaired(
    serve: Serve, copied: Path, finished: Runs
) -> None:
    manifest = copied / finished[0].id / "manifest.json"
    content = manifest.read_text()
    manifest.write_text("[" * 100_000)
    server = serve(str(copied))
    assert states(server)[finished[0].id] == "damaged"
    manifest.write_text(content)
    assert until(lambda: states(server)[finished[0].id] == "complete", "the run is sound again")
