"""Jobs run in containers: the same rows as on `local`, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sample_job import SAMPLE_FACTS, SAMPLE_SYMBOLS
from waiting import until

if TYPE_CHECKING:
    from docker.conftest import Yard

pytestmark = [pytest.mark.testbed]

PAIR = """
import backtrader as bt


class Pair(bt.Strategy):
    def next(self):
        second, index, weekly, first = self.datas
        for stock in (second, first):
            rises = stock.close[0] > stock.close[-1] and len(weekly) > 1
            hold = rises and weekly.close[0] > weekly.close[-1] and index.close[0] > index.open[0]
            self.order_target_size(stock, target=10 if hold else 0)
"""

GOLDEN = {"600519": 164109.44, "600559": 106285.36, "600560": 100000.00}


def blobs(yard: Yard) -> list[dict[str, str]]:
    """Of each chunk, detail to the hash of its content."""
    opened = yard.opened()
    opened.counts()
    return [dict(header.blobs) for header in opened.chunk_index.headers()]


def test_rows_and_details_equal_those_of_local_to_the_last_bit(yard: Yard) -> None:
    yard.write_job("sma-crossover", "period = [10, 15]")
    done = yard.run("-o", "workers=2")
    assert done.returncode == 0, done.stderr
    there, details = yard.rows(), blobs(yard)
    golden = {row["symbol"]: row["final_value"] for row in there if row["period"] == 15}
    assert {symbol: round(value, 2) for symbol, value in golden.items()} == GOLDEN

    yard.store = yard.folder / "local"
    yard.write_job("sma-crossover", "period = [10, 15]")
    here = yard.call("run", "job.toml")
    assert here.returncode == 0, here.stderr
    assert yard.rows() == there
    assert blobs(yard) == details


def test_feeds_of_one_strategy_and_tables_of_analyzers_equal_those_of_local(yard: Yard) -> None:
    (yard.folder / "pair.py").write_text(PAIR)
    feeds = 'feeds = ["600559", "index", "600519.weekly", "600519"]'
    job = yard.write_job("pair.py:Pair", "")
    text = job.read_text().replace(f"symbols = {json.dumps(SAMPLE_SYMBOLS)}", feeds)
    text += '\n[data.auxiliary.index]\nsymbols = ["600560"]\n'
    text += '\n[data.auxiliary.weekly]\nresample = "1w"\n'
    text += '\n[results.analyzers]\nmonths = { class = "TimeReturn", timeframe = 7 }\n'
    text += 'transactions = "Transactions"\n'
    job.write_text(text)
    done = yard.run("-o", "workers=1")
    assert done.returncode == 0, done.stderr
    there, details = yard.rows(), blobs(yard)
    assert [row["trades"] > 10 for row in there] == [True]
    assert len(yard.opened().analyzers(0)) > 100

    yard.store = yard.folder / "local"
    job.write_text(text.replace(str(yard.folder / "runs"), str(yard.store)))
    here = yard.call("run", "job.toml")
    assert here.returncode == 0, here.stderr
    assert yard.rows() == there
    assert blobs(yard) == details


def test_the_compiled_engine_gives_the_same_bits(yard: Yard) -> None:
    # On this machine the first task of a worker compiles the engine.
    params = "period = { start = 2, stop = 60, step = 1 }"
    job = yard.write_job("sma-crossover", params, task_timeout="5 min")
    job.write_text('engine = "vector"\n' + job.read_text())
    assert yard.run().returncode == 0
    there = yard.rows()
    yard.store = yard.folder / "local"
    job.write_text(job.read_text().replace(str(yard.folder / "runs"), str(yard.store)))
    assert yard.call("run", "job.toml").returncode == 0
    assert yard.rows() == there


def test_facts_reach_containers_and_give_the_rows_of_local(yard: Yard, tmp_path: Path) -> None:
    facts = shutil.copytree(SAMPLE_FACTS, tmp_path / "facts")
    job = yard.write_job("sma-crossover", "period = 15", task_timeout="5 min")
    market = f'facts = "{facts}"\n\n[market]\nrules = "cn-a"\n\n[broker]\ncash = 1_000_000\n'
    job.write_text(job.read_text().replace("\n[broker]\ncash = 100_000\n", market))
    done = yard.run("-o", "workers=1")
    assert done.returncode == 0, done.stderr
    there, details = yard.rows(), blobs(yard)
    assert {row["symbol"] for row in there if row["error"] is None} == set(GOLDEN)

    yard.store = yard.folder / "local"
    job.write_text(job.read_text().replace(str(yard.folder / "runs"), str(yard.store)))
    here = yard.call("run", "job.toml")
    assert here.returncode == 0, here.stderr
    assert yard.rows() == there
    assert blobs(yard) == details


def test_what_is_stored_belongs_to_the_caller_and_no_container_is_left(yard: Yard) -> None:
    done = yard.run()
    assert done.returncode == 0, done.stderr
    (run,) = yard.store.glob("[0-9a-f]*")
    files = [path for path in run.rglob("*") if path.is_file()]
    assert files
    assert {(path.stat().st_uid, path.stat().st_gid) for path in files} == {
        (os.getuid(), os.getgid())
    }
    assert yard.containers() == []


def test_a_worker_is_locked_in(yard: Yard) -> None:
    yard.write_job(params="k = 0\nseconds = 3.0")
    process = yard.start("run", "job.toml", "--executor", "docker", "-o", "workers=1")
    until(lambda: yard.containers("running"), "a container runs")
    (container,) = yard.containers("running")
    facts = container.attrs
    host = facts["HostConfig"]
    assert (host["ReadonlyRootfs"], host["NetworkMode"], host["Privileged"]) == (
        True,
        "none",
        False,
    )
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["CpuQuota"] == 2 * host["CpuPeriod"]
    assert host["PidsLimit"] == 512
    assert 0 < host["Memory"] == host["MemorySwap"] <= 2.5 * 2**30
    writable = {mount["Destination"]: mount["RW"] for mount in facts["Mounts"]}
    assert writable == {str(yard.opened().url): True, str(yard.data): False}
    labels = facts["Config"]["Labels"]
    assert labels["backfleet.run"] == yard.opened().id
    assert labels["backfleet.shards"] == "0"
    assert labels["backfleet.version"]
    assert process.wait(30) == 0


def test_many_shards_share_a_few_containers(yard: Yard) -> None:
    yard.write_job(params="k = { start = 0, stop = 7, step = 1 }\nseconds = 0.0")
    names: set[str] = set()
    process = yard.start(
        "run", "job.toml", "--executor", "docker", "-o", "workers=2", "-o", "shards=12"
    )
    while process.poll() is None:
        names |= {str(container.name) for container in yard.containers()}
    assert process.returncode == 0
    assert len(names) == 2
    assert len(yard.opened().latest_submission().submission.shards) == 12
    assert yard.opened().counts().missing == 0


def test_a_detached_run_goes_on_and_is_waited_for(yard: Yard) -> None:
    begun = yard.run("--detach")
    assert begun.returncode == 0, begun.stderr
    assert yard.opened().state() == "running"
    waited = yard.call("wait", yard.opened().url)
    assert waited.returncode == 0, waited.stderr
    assert yard.opened().state() == "complete"
    assert yard.containers() == []


def test_what_a_run_left_that_ended_by_itself_is_cleared_away(yard: Yard) -> None:
    yard.write_job(params="k = 0")
    yard.run("--detach", "-o", "workers=1")
    until(lambda: yard.containers("exited"), "the container has ended")
    assert yard.call("wait", yard.opened().url).returncode == 0
    assert yard.containers() == []


def test_a_running_worker_is_listened_to_and_its_words_outlive_its_container(yard: Yard) -> None:
    yard.write_job(params="k = { start = 0, stop = 9, step = 1 }\nseconds = 0.3")
    yard.run("--detach", "-o", "workers=1")
    url = yard.opened().url
    listening = yard.start("logs", url, "--worker", "0", "--follow")
    until(lambda: yard.done() > 0, "a task is done")
    assert listening.poll() is None
    yard.containers("running")[0].kill("SIGTERM")
    heard, _ = listening.communicate(timeout=30)
    assert heard == "stopped by a signal; committed chunks are kept\n"
    yard.call("wait", url)
    assert yard.containers() == []
    assert yard.call("logs", url, "--worker", "0").stdout == heard


def test_a_canceled_run_stops_its_containers_and_goes_on_from_there(yard: Yard) -> None:
    yard.write_job(params="k = { start = 0, stop = 9, step = 1 }\nseconds = 0.3")
    yard.run("--detach")
    until(lambda: yard.done() > 0, "a task is done")
    url = yard.opened().url
    canceled = yard.call("cancel", url)
    assert "stopped its workers" in canceled.stdout
    assert yard.containers() == []
    assert 0 < yard.done() < 30
    assert yard.opened().state() == "canceled"
    resumed = yard.call("resume", url)
    assert resumed.returncode == 0, resumed.stderr
    assert yard.done() == 30


def test_resume_uses_the_settings_that_the_run_was_begun_with(
    yard: Yard, worker_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKFLEET_DOCKER_IMAGE", "no-such-image")
    yard.run("--detach", "-o", f"image={worker_image}", "-o", "workers=1")
    monkeypatch.delenv("BACKFLEET_DOCKER_IMAGE")
    until(lambda: yard.done() > 0, "a task is done")
    yard.call("cancel", yard.opened().url)
    resumed = yard.call("resume", yard.opened().url)
    assert resumed.returncode == 0, resumed.stderr


def test_a_store_on_s3_is_reached_over_the_network_that_is_named(
    yard: Yard, s3_store_url: str
) -> None:
    import backfleet as bf

    yard.write_job("sma-crossover", "period = 15", store=s3_store_url)
    names = "AWS_ENDPOINT_URL,AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_DEFAULT_REGION"
    begun = yard.run("-o", "network=host", "-o", f"environment={names}", "--json")
    assert begun.returncode == 0, begun.stderr
    url = f"{s3_store_url}/{json.loads(begun.stdout)['run_id']}"
    rows = bf.open_run(url).results()
    assert dict(zip(rows["symbol"], rows["final_value"].round(2), strict=True)) == GOLDEN


def test_credentials_appear_on_no_command_line(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "hush-hush")
    yard.write_job(params="k = 0\nseconds = 2.0")
    process = yard.start(
        "run", "job.toml", "--executor", "docker", "-o", "environment=MY_SECRET", "-o", "workers=1"
    )
    until(lambda: yard.containers("running"), "a container runs")
    (container,) = yard.containers("running")
    assert "MY_SECRET=hush-hush" in container.attrs["Config"]["Env"]
    assert "hush-hush" not in command_lines()
    assert "hush-hush" not in str(container.labels)
    assert process.wait(30) == 0
    assert not any(
        b"hush-hush" in path.read_bytes() for path in yard.store.rglob("*") if path.is_file()
    )


def command_lines() -> str:
    """Of all processes of this machine."""
    shown: Any = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True)
    return str(shown.stdout)


def test_data_in_several_folders_is_mounted(yard: Yard, tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    (index / "600519.csv").write_bytes((yard.data / "600519.csv").read_bytes())
    job = yard.write_job("sma-crossover", "period = 15")
    feed = f'[data.auxiliary.index]\nsymbols = ["600519"]\npath = "{index}"\n\n[broker]'
    job.write_text(job.read_text().replace("[broker]", feed))
    done = yard.run()
    assert done.returncode == 0, done.stderr
