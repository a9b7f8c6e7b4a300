"""Plugins: found without being imported, kept apart when they fail or clash, used by name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backfleet.engine import Engine
from backfleet.errors import PluginError, UnknownPlugin
from backfleet.plugins import KINDS, find_plugin, list_plugins, load_plugin

Cli = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., dict[str, str]]

IDLE = '''
import backtrader as bt

class Idle(bt.Strategy):
    """Does nothing."""
'''
BROKEN = "import not_installed_lib\n"

# -- what comes along -------------------------------------------------------------------------


def test_what_comes_along_is_found_by_kind() -> None:
    assert {plugin.name for plugin in list_plugins("executor")} >= {"local"}
    assert {plugin.kind for plugin in list_plugins()} <= set(KINDS)
    assert find_plugin("source", "csv").target == "backfleet.sources.csv:CsvSource"


def test_a_name_of_another_kind_is_unknown() -> None:
    with pytest.raises(UnknownPlugin, match="no engine is named 'csv'; there are backtrader"):
        find_plugin("engine", "csv")


def test_a_component_is_checked_against_what_its_kind_must_be() -> None:
    assert issubclass(load_plugin("engine", "backtrader", Engine), Engine)
    with pytest.raises(
        PluginError, match=r"source 'csv' of backfleet .*not a subclass of .*Engine"
    ):
        load_plugin("source", "csv", Engine)


# -- other distributions, in processes that find them -----------------------------------------


def test_listing_one_kind_imports_no_plugin_of_another(
    backfleet: Cli, installed: Install, tmp_path: Path
) -> None:
    note = f"open({str(tmp_path / 'imported')!r}, 'a').write(__name__ + ' ')\n"
    env = installed(
        "acme",
        {
            "acme_strategy.py": note + IDLE,
            "acme_engine.py": note,
            "acme_executor.py": note,
            "acme_command.py": note,
        },
        {
            "backfleet.strategies": {"idle": "acme_strategy:Idle"},
            "backfleet.engines": {"acme": "acme_engine:Engine"},
            "backfleet.executors": {"acme": "acme_executor:Executor"},
            "backfleet.commands": {"acme": "acme_command:command"},
        },
    )
    assert backfleet("--help", env=env).returncode == 0
    assert not (tmp_path / "imported").exists()
    assert "idle" in backfleet("strategies", env=env).stdout
    assert (tmp_path / "imported").read_text() == "acme_strategy "
    assert "idle" in backfleet("strategies", env=env).stdout, "described from the cache"
    assert (tmp_path / "imported").read_text() == "acme_strategy "


def test_a_plugin_that_cannot_be_imported_breaks_only_its_own_use(
    backfleet: Cli, installed: Install, sample_job: Path
) -> None:
    files = {"acme_broken.py": BROKEN, "acme_idle.py": IDLE}
    groups = {group: {"broken": "acme_broken:X"} for group in KINDS.values()}
    groups["backfleet.strategies"]["idle"] = "acme_idle:Idle"
    env = installed("acme", files, groups)
    done = backfleet("run", sample_job, "--set", "strategy=idle", "--set", "params={}", env=env)
    assert done.returncode == 0, done.stderr
    assert "warning: hook plugin 'broken' of acme 1.0 cannot be imported" in done.stderr
    for use in (
        ("run", sample_job, "--set", "strategy=broken"),
        ("run", sample_job, "--set", "engine=broken"),
        ("run", sample_job, "--set", "data.source=broken"),
        ("run", sample_job, "--set", "plugins=['broken']", "--set", "broker.cash=1"),
        ("run", sample_job, "--executor", "broken"),
        ("broken",),
    ):
        refused = backfleet(*use, env=env)
        assert refused.returncode == 2, use
        assert "'broken' of acme 1.0" in refused.stderr, use
        assert "No module named 'not_installed_lib'" in refused.stderr, use
        assert "'backfleet plugins show broken' has the traceback" in refused.stderr, use
        assert "Traceback" not in refused.stderr, use


def test_two_distributions_that_claim_one_name_are_both_named(
    backfleet: Cli, installed: Install, sample_job: Path
) -> None:
    groups = {group: {"twice": "acme_idle:Idle"} for group in KINDS.values()}
    installed("acme", {"acme_idle.py": IDLE}, groups)
    env = installed("other-acme", {}, groups, version="2.1")
    for use in (
        ("run", sample_job, "--set", "strategy=twice"),
        ("run", sample_job, "--set", "engine=twice"),
        ("run", sample_job, "--set", "data.source=twice"),
        ("run", sample_job, "--set", "plugins=['twice']"),
        ("run", sample_job, "--executor", "twice"),
        ("twice",),
    ):
        refused = backfleet(*use, env=env)
        assert refused.returncode == 2, use
        assert "'twice' is claimed by acme 1.0 and other-acme 2.1; uninstall one" in refused.stderr
        assert "Traceback" not in refused.stderr, use
    rows = json.loads(backfleet("plugins", "--json", env=env).stdout)
    claimed = [row for row in rows if row["name"] == "twice"]
    assert len(claimed) == 2 * len(KINDS)
    assert all("claimed by acme 1.0 and other-acme 2.1" in row["error"] for row in claimed)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("strategy=sma-crosover", "no strategy is named 'sma-crosover'; did you mean 'sma-cros"),
        ("engine=backtrade", "no engine is named 'backtrade'; did you mean 'backtrader'?"),
        ("data.source=cn_daily", "no source is named 'cn_daily'; did you mean 'cn-daily'?"),
        ("plugins=['nothing']", "no hook plugin is named 'nothing'; none is installed"),
    ],
)
def test_an_unknown_name_in_a_job_gets_the_nearest(
    backfleet: Cli, sample_job: Path, key: str, message: str
) -> None:
    refused = backfleet("run", sample_job, "--set", key)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"backfleet: {message}")


def test_an_unknown_executor_or_command_gets_the_nearest(backfleet: Cli, sample_job: Path) -> None:
    refused = backfleet("run", sample_job, "--executor", "lokal")
    assert (refused.returncode, "did you mean 'local'?" in refused.stderr) == (2, True)
    refused = backfleet("strategy")
    assert (refused.returncode, "Did you mean 'strategies'?" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("kind", "key"), [("engine", "engine"), ("source", "data.source"), ("strategy", "strategy")]
)
def test_an_entry_point_of_another_kind_is_refused(
    backfleet: Cli, installed: Install, sample_job: Path, kind: str, key: str
) -> None:
    env = installed(
        "acme", {"acme_any.py": "class Any: pass"}, {KINDS[kind]: {"any": "acme_any:Any"}}
    )
    refused = backfleet("run", sample_job, "--set", f"{key}=any", env=env)
    assert refused.returncode == 2
    assert f"{kind} 'any' of acme 1.0" in refused.stderr
    assert "not a subclass of backtrader.Strategy" in refused.stderr or kind != "strategy"
    assert "Traceback" not in refused.stderr


def test_an_engine_that_is_not_finished_is_refused(
    backfleet: Cli, installed: Install, sample_job: Path
) -> None:
    text = "from backfleet.engine import Engine\nclass Half(Engine):\n    name = 'half'\n"
    env = installed(
        "acme", {"acme_half.py": text}, {"backfleet.engines": {"half": "acme_half:Half"}}
    )
    refused = backfleet("run", sample_job, "--set", "engine=half", env=env)
    assert refused.returncode == 2
    assert "engine 'half' of acme 1.0 is acme_half:Half, which lacks run" in refused.stderr


def test_metadata_that_lack_a_name_or_carry_extras_do_not_stop_the_listing(
    backfleet: Cli, installed: Install, tmp_path: Path
) -> None:
    installed("nameless", {}, {"backfleet.strategies": {"lost": "nothing_here:X"}})
    env = installed(
        "acme", {"acme_idle.py": IDLE}, {"backfleet.strategies": {"idle": "acme_idle:Idle [fast]"}}
    )
    (tmp_path / "site" / "nameless-1.0.dist-info" / "METADATA").write_text("")
    listed = {
        row["name"]: row for row in json.loads(backfleet("strategies", "--json", env=env).stdout)
    }
    assert (listed["idle"]["doc"], listed["idle"]["error"]) == ("Does nothing.", None)
    assert "No module named 'nothing_here'" in listed["lost"]["error"]


ENGINE = """
from backfleet.engines.backtrader import BacktraderEngine

class Mine(BacktraderEngine):
    name = "mine"
"""
SOURCE = """
from backfleet.sources.cn_daily import CnDailySource

class Mine(CnDailySource):
    name = "mine"
"""
EXECUTOR = """
import pathlib
from pydantic import Field
from backfleet.executor import ExecutorSettings
from backfleet_executors.local import LocalExecutor, LocalSettings

class Settings(LocalSettings):
    note: str = Field(default="", description="written to note.txt")

class Mine(LocalExecutor):
    name = "mine"
    Settings = Settings

    def submit(self, submission):
        pathlib.Path("note.txt").write_text(self.settings.note)
        return super().submit(submission)
"""


def test_an_engine_a_source_and_an_executor_of_another_distribution_run_a_job(
    backfleet: Cli, installed: Install, sample_job: Path, tmp_path: Path
) -> None:
    env = installed(
        "acme",
        {"acme_engine.py": ENGINE, "acme_source.py": SOURCE, "acme_executor.py": EXECUTOR},
        {
            "backfleet.engines": {"mine": "acme_engine:Mine"},
            "backfleet.sources": {"mine": "acme_source:Mine"},
            "backfleet.executors": {"mine": "acme_executor:Mine"},
        },
    )
    sets = ("--set", "engine=mine", "--set", "data.source=mine")
    how = ("--executor", "mine", "-o", "note=hello", "-o", "workers=1")
    done = backfleet("run", sample_job, *sets, *how, "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "note.txt").read_text() == "hello"
    store = json.loads(done.stdout)["store"]
    rows = json.loads(backfleet("results", store, "--format", "json").stdout)
    assert [row["engine"] for row in rows] == ["mine"] * 3
    assert round(rows[0]["final_value"], 2) == 164109.44


GIVING_UP = """
import subprocess
import sys
from pydantic import Field
from backfleet.executor import ExecutorSettings, ShardState, ShardStatus
from backfleet_executors.local import LocalExecutor, LocalSettings

class Settings(LocalSettings):
    place: str = Field(description="has no default")

class GivingUp(LocalExecutor):
    name = "giving-up"
    Settings = Settings

    def submit(self, submission):
        return {"number": submission.number}

    def poll(self, handle):
        return [ShardStatus(0, ShardState.FAILED, 3, f"no room in {self.settings.place}")]
"""


@pytest.mark.parametrize("command", ["run", "resume"])
def test_the_reason_of_failed_workers_comes_from_the_executor_with_the_options_of_the_command(
    command: str, backfleet: Cli, installed: Install, sample_job: Path
) -> None:
    env = installed(
        "acme",
        {"acme_executor.py": GIVING_UP},
        {"backfleet.executors": {"giving-up": "acme_executor:GivingUp"}},
    )
    how = ("--executor", "giving-up", "-o", "place=attic")
    done = backfleet("run", sample_job, *how, env=env)
    if command == "resume":
        store = done.stderr.rpartition("backfleet resume ")[2].strip()
        done = backfleet("resume", store, *how, env=env)
    assert done.returncode == 1, done.stderr
    assert "worker 0 ended with exit code 3: no room in attic" in done.stderr


COMMAND = """
import click

@click.command()
@click.argument("name")
def greet(name):
    \\"\\"\\"Greet.\\"\\"\\"
    click.echo(f"hello {name}")
""".replace("\\", "")


def test_a_command_of_another_distribution_is_shown_and_called(
    backfleet: Cli, installed: Install
) -> None:
    env = installed(
        "acme-tools",
        {"acme_command.py": COMMAND},
        {"backfleet.commands": {"greet": "acme_command:greet", "not-one": "acme_command:click"}},
    )
    assert "Greet. (from acme-tools)\n" in backfleet("--help", env=env).stdout
    assert backfleet("greet", "you", env=env).stdout == "hello you\n"
    assert "Usage: backfleet greet" in backfleet("greet", "--help", env=env).stdout
    refused = backfleet("not-one", env=env)
    assert refused.returncode == 2
    assert "which is not a click command" in refused.stderr


def test_a_command_named_like_one_of_backfleet_is_reported_and_never_called(
    backfleet: Cli, installed: Install
) -> None:
    env = installed(
        "acme", {"acme_command.py": COMMAND}, {"backfleet.commands": {"runs": "acme_command:greet"}}
    )
    assert backfleet("--help", env=env).stdout.count("\n  runs ") == 1
    assert backfleet("runs", "--json", env=env).returncode == 0
    (row,) = json.loads(backfleet("plugins", "show", "runs", "--json", env=env).stdout)
    assert row["error"] == "command 'runs' is backfleet's own; this one is never called"
