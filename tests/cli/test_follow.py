"""Following a run: in the background, until Ctrl-C, on a terminal, and on S3."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from waiting import until
from workshop import Workshop

SECONDS = 60.0
COUNTS = ["tasks", "ok", "suspicious", "error", "missing", "reused"]
SUMMARY = ["run_id", "store", *COUNTS, "seconds", "code_not_kept", "verdict"]


def workers(run: str) -> list[psutil.Process]:
    """Processes that work at a run."""
    processes = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any(f"/{run}/submissions/" in part for part in command):
            processes.append(process)
    return processes


@pytest.fixture
def gate(workshop: Workshop, tmp_path: Path) -> Iterator[Path]:
    """Tasks of `gated.toml`, of which only the first end by themselves, go on once this is there.

    Each test has its own run, for the gate is a parameter.
    """
    gate = tmp_path / "gate"
    workshop.write_job("gated.toml", "mine.py:Waits", f'k = [1, 2, 3, 4]\ngate = ["", "{gate}"]')
    yield gate
    gate.touch()


def chunks_of(workshop: Workshop) -> list[Path]:
    return [
        path
        for path in (workshop.folder / "gated").glob("*/chunks/*")
        if not path.name.startswith(".")
    ]


@pytest.fixture
def started(workshop: Workshop, gate: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that waits at the gate after its first chunk."""
    shutil.rmtree(workshop.folder / "gated", ignore_errors=True)
    with workshop.start(
        "run", "gated.toml", "--set", "results.store=gated", "-o", "workers=2", "--json"
    ) as process:
        try:
            until(lambda: chunks_of(workshop), "a first commit")
            yield process
        finally:
            gate.touch()
            if process.poll() is None:
                process.kill()


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(
    workshop: Workshop, started: subprocess.Popen[str], gate: Path
) -> None:
    run = chunks_of(workshop)[0].parent.parent.name
    assert workers(run)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=SECONDS)
    assert started.returncode == 1
    assert "Traceback" not in out + err
    assert list(json.loads(out)) == SUMMARY
    until(lambda: not workers(run), "no worker is left")
    assert f"Resume with: backfleet resume gated/{run}" in err
    facts = workshop.json("status", f"gated/{run}", "--json")
    assert facts["state"] == "canceled"
    done = facts["tasks"] - facts["missing"]
    assert f"the results of {done} of 24 tasks are kept" in err
    rows = workshop("results", f"gated/{run}", "--format", "csv")
    assert len(rows.stdout.splitlines()) == done + 1
    assert f"{facts['missing']} of 24 tasks have no row yet" in rows.stderr
    gate.touch()
    resumed = workshop("resume", f"gated/{run}")
    assert resumed.returncode == 0, resumed.stderr
    assert f"{done} were done before" in resumed.stdout


def test_run_that_is_deleted_meanwhile_ends_with_advice(
    workshop: Workshop, started: subprocess.Popen[str], gate: Path
) -> None:
    shutil.rmtree(chunks_of(workshop)[0].parent.parent)
    gate.touch()
    _, err = started.communicate(timeout=SECONDS)
    assert started.returncode != 0
    assert "deleted while it was followed" in err
    assert "run the job again" in err


def test_what_tasks_print_is_shown_as_it_comes_until_the_run_has_ended(
    workshop: Workshop, started: subprocess.Popen[str], gate: Path
) -> None:
    run = chunks_of(workshop)[0].parent.parent.name
    with workshop.start("logs", f"gated/{run}", "--follow") as listening:
        assert listening.stdout.readline().startswith("== task ")
        assert listening.poll() is None
        gate.touch()
        # Not `communicate`, which leaves out what was read ahead for the first line.
        heard = listening.stdout.read()
    assert listening.returncode == 0
    assert heard.count("== task ") == 23
    started.communicate(timeout=SECONDS)
    assert workshop("logs", f"gated/{run}", "--follow").stdout.count("== task ") == 24


def test_ctrl_c_while_waiting_for_another_leaves_the_run_alone(
    workshop: Workshop, started: subprocess.Popen[str], gate: Path
) -> None:
    run = chunks_of(workshop)[0].parent.parent.name
    with workshop.start("wait", f"gated/{run}") as waiting:
        assert "of 24 tasks" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == 1, err
    assert f"continues in the background. Check it with: backfleet status gated/{run}" in err
    assert workers(run)
    gate.touch()
    started.communicate(timeout=SECONDS)
    assert started.returncode == 0


WAITS = """
from backfleet.cli.follow import follow

class Waits:
    url = "runs/123"
    started_workers = False

    @property
    def run(self):
        return self

    def wait(self, progress):
        exec("raise KeyboardInterrupt")

follow(Waits(), as_json=False)
"""


def test_ctrl_c_in_the_midst_of_an_import_has_the_same_exit_code(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    done = subprocess.run(
        [sys.executable, "-m", "waits"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "backfleet status runs/123" in done.stderr


@pytest.mark.exhaustive
def test_a_detached_run_goes_on_and_can_be_canceled_and_resumed(
    workshop: Workshop, gate: Path
) -> None:
    command = ("run", "gated.toml", "--set", "results.store=detached", "-o", "workers=2")
    begun = workshop(*command, "--detach", "--json")
    assert begun.returncode == 0, begun.stderr
    summary = json.loads(begun.stdout)
    assert (list(summary), summary["tasks"]) == (SUMMARY, 24)
    run, place = summary["run_id"], summary["store"]
    until(
        lambda: workshop.json("status", place, "--json")["ok"] + len(workers(run)),
        "a worker runs",
    )
    assert "is already running" in workshop(*command, "--detach").stdout
    assert workshop.json("status", place, "--json")["state"] == "running"
    assert "stopped its workers" in workshop("cancel", place).stdout
    assert not workers(run)
    assert workshop.json("runs", "--store", "detached", "--json")[0]["state"] == "canceled"
    gate.touch()
    assert "continues in the background" in workshop("resume", place, "--detach").stdout
    ended = workshop("wait", place, "--json")
    assert ended.returncode == 0, ended.stderr
    assert (json.loads(ended.stdout)["missing"], ended.stderr) == (0, "")
    assert "task 1 of 600519" in workshop("logs", place, "0").stdout
    assert workshop("logs", place).stdout.count("== task") == 24


def test_json_is_last_and_alone_on_standard_output(workshop: Workshop) -> None:
    done = workshop("run", "sma.toml", "-p", "period=7", "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    assert list(json.loads(done.stdout)) == SUMMARY
    assert done.stdout.count("\n") == 1


def test_progress_is_plain_lines_on_standard_error_where_there_is_no_terminal(
    workshop: Workshop,
) -> None:
    done = workshop("run", "sma.toml", "-p", "period=8")
    first, *_, last = done.stderr.splitlines()
    assert re.fullmatch(r"run [0-9a-f]{16}: 0 of 3 tasks", first)
    assert re.fullmatch(r"run [0-9a-f]{16}: 3 of 3 tasks, [\d.]+/s; 2 suspicious", last)
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("columns", [80, 160])
def test_progress_is_a_bar_on_a_terminal_and_leaves_nothing_behind(
    workshop: Workshop, columns: int
) -> None:
    text = on_a_terminal(workshop, columns, "run", "sma.toml", "-p", f"period={columns}")
    assert "━" in text
    assert "0/3" in text
    screen = rendered(text)
    assert "━" not in screen
    assert "\x1b" not in screen
    table = screen.splitlines()
    assert table[0].startswith("task  symbol")
    assert len(table[0]) <= columns
    assert ("too narrow for" in screen) == (columns == 80)
    assert re.search(r"run [0-9a-f]{16}: 3 tasks, ", screen)


def on_a_terminal(workshop: Workshop, columns: int, *arguments: str) -> str:
    """All that a command writes to a terminal."""
    mine, theirs = pty.openpty()
    with subprocess.Popen(
        workshop.command(*arguments),
        cwd=workshop.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": str(columns)},
    ) as process:
        os.close(theirs)
        text = b""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if not select.select([mine], [], [], 1)[0]:
                continue
            try:
                text += os.read(mine, 65536)
            except OSError:
                break
        assert process.wait(SECONDS) == 0
    os.close(mine)
    return text.decode()


def rendered(text: str) -> str:
    """What is left on the screen, for the few controls that a bar uses."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[\d;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part.endswith("A") and part.startswith("\x1b"):
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part
            column += len(part)
    return "\n".join(lines).strip()


@pytest.mark.exhaustive
def test_a_whole_job_with_data_and_store_on_s3(workshop: Workshop, s3_store_url: str) -> None:
    from backfleet.store.s3_client import s3_client

    bucket = s3_store_url.removeprefix("s3://").partition("/")[0]
    for symbol in ("600519", "600560"):
        content = (workshop.data / f"{symbol}.csv").read_bytes()
        s3_client().put_object(Bucket=bucket, Key=f"data/{symbol}.csv", Body=content)
    settings = (
        f"data.path=s3://{bucket}/data",
        'data.symbols=["600519", "600560"]',
        f"results.store={s3_store_url}",
    )
    options = [part for setting in settings for part in ("--set", setting)]
    done = workshop("run", "sma.toml", *options, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    run = summary["run_id"]
    assert summary["store"] == f"{s3_store_url}/{run}"
    local = workshop.json("run", "sma.toml", "--symbols", "600519,600560", "--dry-run", "--json")
    assert local["run_id"] == run
    for name in ([summary["store"]], [run[:7], "--store", s3_store_url]):
        rows = json.loads(workshop("results", *name, "--format", "json").stdout)
        assert [round(row["final_value"], 2) for row in rows] == [164109.44, 100000.0]
    assert f"backfleet results {summary['store']}" in workshop("wait", summary["store"]).stdout
    listed = workshop.json("runs", "--store", s3_store_url, "--json")
    assert [(row["run_id"], row["state"]) for row in listed] == [(run, "complete")]


def test_what_ran_out_of_time_can_be_tried_again(workshop: Workshop, gate: Path) -> None:
    command = ("run", "gated.toml", "-p", "k=1", "--symbols", "600519")
    done = workshop(*command, "--set", "resources.task_timeout=2")
    assert done.returncode == 1
    run = re.search(r"backfleet resume (runs/\w+) --retry-failed", done.stdout)
    assert run is not None, done.stdout
    assert "with TaskTimeout: timed out after 2 s" in done.stdout
    gate.touch()
    again = workshop("resume", run[1], "--retry-failed", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["error"] == 0
