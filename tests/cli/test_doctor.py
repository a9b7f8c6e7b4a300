"""`backfleet doctor`: what it finds, how it says so, and what it ends with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from backfleet.executor import FindingStatus
from backfleet.runs.doctor import check_store
from in_process import InProcess

Call = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., dict[str, str]]

NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}

EXECUTORS = """
from backfleet.executor import Diagnosable, Executor, Finding, FindingStatus


class Bare(Executor):
    name = "bare"

    def count_shards(self, work):
        return 1

    def preflight(self, submission):
        return []

    def submit(self, submission):
        return {}

    def poll(self, handle):
        return []

    def cancel(self, handle):
        pass

    def logs(self, handle, shard, *, follow=False):
        return iter(())

class Sick(Bare, Diagnosable):
    def diagnose(self):
        yield Finding("legs", FindingStatus.OK, "two")
        yield Finding("heart", FindingStatus.FAILURE, "it stopped", "start it")


class Raises(Bare, Diagnosable):
    def diagnose(self):
        raise ZeroDivisionError("by nought")


class Tries(Bare, Diagnosable):
    def diagnose_live(self):
        yield Finding("tried", FindingStatus.OK, "it works for 123456789012")
"""


@pytest.fixture
def doctor(backfleet: Call, in_process: InProcess) -> Call:
    """`backfleet doctor` where no Docker engine is to be found."""

    def call(*arguments: object, env: Mapping[str, str] = NO_ENGINE) -> Any:
        # Only a process finds plugins that are installed for a test.
        run = backfleet if "PYTHONPATH" in env else in_process
        return run("doctor", *arguments, env={**NO_ENGINE, **env})

    return call


@pytest.fixture
def executors(installed: Install) -> Callable[..., dict[str, str]]:
    """Install one of the executors above as a package of its own."""

    def install(name: str) -> dict[str, str]:
        points = {"backfleet.executors": {name.lower(): f"sick_bay:{name}"}}
        return installed("sick-bay", {"sick_bay.py": EXECUTORS}, points)

    return install


def words_of(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Subject to status and text, as the lines of a terminal show them."""
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    cut = [(line[9:31].strip(), (line[:9].strip(), line[31:])) for line in lines]
    return dict(cut)


def test_a_sound_machine_passes_and_is_left_as_it_is(doctor: Call, tmp_path: Path) -> None:
    done = doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = words_of(done)
    for subject in (
        "python",
        "libraries",
        "extras",
        "machine",
        "cache",
        "store",
        "disk",
        "plugins",
    ):
        assert lines[subject][0] == "ok", lines
    assert str(tmp_path / "runs") in lines["store"][1]
    assert list(tmp_path.iterdir()) == []


def test_extras_that_are_not_installed_are_named_with_what_needs_them(
    doctor: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = doctor()
    words = "'backfleet serve' cannot run without uvicorn, which is not installed"
    assert words_of(done)["extras"] == ("warning", words)
    assert "-> pip install -e '.[serve]' in the checkout of backfleet\n" in done.stdout
    assert done.returncode == 0


def test_what_is_wrong_with_an_executor_that_nobody_asked_for_is_a_warning(doctor: Call) -> None:
    done = doctor()
    status, text = words_of(done)["docker: engine"]
    assert (status, done.returncode) == ("warning", 0)
    assert text.startswith("no Docker engine answers at unix:///nowhere/docker.sock: start it")


def test_what_is_wrong_with_an_executor_that_is_named_is_a_failure(doctor: Call) -> None:
    done = doctor("--executor", "docker")
    assert words_of(done)["docker: engine"][0] == "failure"
    assert done.returncode == 1


@pytest.mark.parametrize("where", ["file", "environment"])
def test_what_is_wrong_with_an_executor_that_is_set_up_is_a_failure(
    doctor: Call, tmp_path: Path, where: str
) -> None:
    if where == "file":
        (tmp_path / "backfleet.toml").write_text("[executors.docker]\nworkers = 2\n")
    done = doctor(env={"BACKFLEET_DOCKER_WORKERS": "2"} if where == "environment" else {})
    assert words_of(done)["docker: engine"][0] == "failure"
    assert done.returncode == 1


def test_settings_that_are_no_settings_are_a_failure(doctor: Call, tmp_path: Path) -> None:
    (tmp_path / "backfleet.toml").write_text("[executors.docker]\nworker = 2\n")
    done = doctor()
    status, text = words_of(done)["docker: set-up"]
    assert (status, done.returncode) == ("failure", 1)
    assert "did you mean 'workers'?" in text
    (tmp_path / "backfleet.toml").write_text("[executors")
    findings = words_of(doctor())
    assert findings["settings"][0] == "failure"
    assert not any(subject.endswith("set-up") for subject in findings)


def test_an_unknown_executor_is_a_bad_request(doctor: Call) -> None:
    done = doctor("--executor", "dokcer")
    assert (done.returncode, done.stdout) == (2, "")
    assert "docker" in done.stderr


def test_each_failure_comes_with_its_fix(
    doctor: Call, executors: Callable[..., dict[str, str]]
) -> None:
    done = doctor("--executor", "sick", env=executors("Sick"))
    assert done.returncode == 1
    lines = [line.split() for line in done.stdout.splitlines()[-3:]]
    assert lines[0] == ["ok", "sick:", "legs", "two"]
    assert lines[1] == ["failure", "sick:", "heart", "it", "stopped"]
    assert lines[2] == ["->", "start", "it"]


def test_an_executor_that_raises_does_not_hide_the_others(
    doctor: Call, executors: Callable[..., dict[str, str]]
) -> None:
    done = doctor(env=executors("Raises"))
    lines = words_of(done)
    assert lines["raises: set-up"] == ("warning", "ZeroDivisionError: by nought")
    assert "docker: engine" in lines
    assert done.returncode == 0


def test_things_are_tried_out_only_when_asked(
    doctor: Call, executors: Callable[..., dict[str, str]]
) -> None:
    env = executors("Tries")
    assert "tries: tried" not in words_of(doctor("--executor", "tries", env=env))
    done = doctor("--executor", "tries", "--live", env=env)
    assert words_of(done)["tries: tried"] == ("ok", "it works for 123456789012")


def test_json_is_a_list_of_findings(doctor: Call) -> None:
    done = doctor("--json", "--executor", "docker")
    findings = json.loads(done.stdout)
    assert all(set(finding) == {"subject", "status", "text", "fix"} for finding in findings)
    assert [
        finding["status"] for finding in findings if finding["subject"] == "docker: engine"
    ] == ["failure"]
    assert done.returncode == 1


def test_a_store_that_cannot_be_is_a_failure(doctor: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = doctor("--store", "file", "--json")
    store = next(finding for finding in json.loads(done.stdout) if finding["subject"] == "store")
    assert store["status"] == "failure"
    assert store["text"].endswith(f"{tmp_path / 'file'} is a file")
    assert "--store" in store["fix"]
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("free", "status"),
    [
        (2**30, FindingStatus.OK),
        (2**30 - 1, FindingStatus.WARNING),
        (100 * 2**20, FindingStatus.WARNING),
        (100 * 2**20 - 1, FindingStatus.FAILURE),
    ],
)
def test_a_disk_that_fills_is_first_a_warning_and_then_a_failure(
    free: int, status: FindingStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    disk = next(finding for finding in check_store(str(tmp_path)) if finding.subject == "disk")
    assert (disk.status, bool(disk.fix)) == (status, status is not FindingStatus.OK)


def test_a_full_disk_is_a_failure(doctor: Call, small_disk: Path) -> None:
    done = doctor("--store", small_disk / "runs")
    status, text = words_of(done)["disk"]
    assert (status, done.returncode) == ("failure", 1)
    assert text == f"0.0 GiB free for {small_disk / 'runs'}"


def test_a_store_on_s3_is_read_and_with_live_written_to(doctor: Call, s3_store_url: str) -> None:
    from backfleet.store import open_store

    assert words_of(doctor("--store", s3_store_url))["store"] == (
        "ok",
        f"{s3_store_url} can be read; --live tries to write",
    )
    assert list(open_store(s3_store_url).list()) == []
    tried = doctor("--store", s3_store_url, "--live", "--executor", "local")
    assert words_of(tried)["store"] == ("ok", f"{s3_store_url} can be written to")
    missing = doctor("--store", "s3://no-such-bucket-here/runs")
    assert words_of(missing)["store"][0] == "failure"
    assert missing.returncode == 1


def test_a_plugin_that_cannot_be_imported_is_a_warning(doctor: Call, installed: Install) -> None:
    points = {"backfleet.strategies": {"broken": "no_such_module:Strategy"}}
    done = doctor(env=installed("broken-package", {}, points))
    status, text = words_of(done)["plugins"]
    assert status == "warning"
    assert text == "strategy 'broken' of broken-package cannot be imported"
    assert "backfleet plugins show broken" in done.stdout


def test_a_transcript_has_a_line_per_finding_and_no_account_number(
    doctor: Call, executors: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "transcript.txt"
    done = doctor("--json", "--live", "--transcript", file, env=executors("Tries"))
    findings = json.loads(done.stdout)
    heading, *lines = file.read_text().splitlines()
    assert " UTC, backfleet " in heading
    for finding, line in zip(findings, lines, strict=True):
        assert f" s  {finding['status']:<9}{finding['subject']}: " in line
    assert "tried: it works for ************" in lines[-1]
    assert "123456789012" in done.stdout
