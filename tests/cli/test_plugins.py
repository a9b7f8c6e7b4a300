"""`backfleet strategies` and `backfleet plugins`, on what comes along and on what others bring."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., dict[str, str]]

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-momentum"
version = "1.2.3"
dependencies = ["backfleet"]

[project.entry-points."backfleet.strategies"]
acme-momentum = "acme_momentum.strategy:Momentum"
"""
STRATEGY = '''
import backtrader as bt

class Momentum(bt.Strategy):
    """Holds what has risen over some bars.

    And says how often it looked.
    """

    params = dict(bars=20, threshold=0.0, label="plain", strict=False, cap=None)

    def next(self):
        if len(self) <= self.p.bars:
            return
        risen = self.data.close[0] / self.data.close[-self.p.bars] - 1 > self.p.threshold
        if risen and not self.position:
            self.buy(size=1)
        elif not risen and self.position:
            self.close()
'''


@pytest.fixture
def momentum(
    tmp_path: Path, fresh_python: Path, pip_install: Callable[..., None]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line of an environment into which a stranger's strategy package was installed."""
    project = tmp_path / "acme"
    (project / "acme_momentum").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "acme_momentum" / "__init__.py").write_text("")
    (project / "acme_momentum" / "strategy.py").write_text(STRATEGY)
    pip_install(project)

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [fresh_python, "-m", "backfleet", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_a_strategy_package_installed_with_pip_is_listed_and_runs(
    momentum: Cli, sample_job: Path
) -> None:
    rows = json.loads(momentum("strategies", "--json").stdout)
    (momentum_row,) = [row for row in rows if row["name"] == "acme-momentum"]
    assert momentum_row == {
        "name": "acme-momentum",
        "distribution": "acme-momentum",
        "version": "1.2.3",
        "target": "acme_momentum.strategy:Momentum",
        "doc": "Holds what has risen over some bars.",
        "parameters": [
            {"name": "bars", "type": "int", "default": 20, "choices": []},
            {"name": "threshold", "type": "float", "default": 0.0, "choices": []},
            {"name": "label", "type": "str", "default": "plain", "choices": []},
            {"name": "strict", "type": "bool", "default": False, "choices": []},
            {"name": "cap", "type": "any", "default": None, "choices": []},
        ],
        "error": None,
    }
    text = momentum("strategies").stdout
    assert (
        "acme-momentum  (acme-momentum 1.2.3)\n    Holds what has risen over some bars.\n" in text
    )
    assert "    -p bars=20  int\n" in text
    sets = ("--set", "strategy=acme-momentum", "--set", "params={}", "-p", "bars=5:15:5")
    done = momentum("run", sample_job, *sets, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["tasks"], summary["ok"]) == (9, 9)
    results = json.loads(momentum("results", summary["store"], "--format", "json").stdout)
    assert [row["bars"] for row in results] == [5, 10, 15] * 3
    assert all(row["trades"] > 0 for row in results)


def test_the_strategies_that_come_along_are_listed_with_their_parameters(backfleet: Cli) -> None:
    rows = {row["name"]: row for row in json.loads(backfleet("strategies", "--json").stdout)}
    assert {"sma-crossover", "dual-moving-average", "buy-and-hold"} <= rows.keys()
    sma = rows["sma-crossover"]
    assert {"name": "period", "type": "int", "default": 15, "choices": []} in sma["parameters"]
    assert sma["distribution"] == "backfleet"
    assert all(row["doc"] and not row["error"] for row in rows.values())


def plugins(backfleet: Cli, env: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(backfleet("plugins", "--json", env=env).stdout)}


def test_all_plugins_are_listed_with_where_they_come_from(backfleet: Cli) -> None:
    rows = json.loads(backfleet("plugins", "--json").stdout)
    assert [row["error"] for row in rows] == [None] * len(rows)
    assert {row["kind"] for row in rows} >= {"strategy", "engine", "source", "executor"}
    lines = backfleet("plugins").stdout.splitlines()
    assert lines[0].split() == ["kind", "name", "distribution", "version", "error"]
    assert any(line.split()[:3] == ["executor", "local", "backfleet"] for line in lines)


def test_why_a_plugin_fails_is_listed_in_a_line_and_shown_with_its_traceback(
    backfleet: Cli, installed: Install
) -> None:
    env = installed(
        "acme",
        {"acme_broken.py": "def half():\n    return 1 / 0\n\nhalf()\n"},
        {"backfleet.engines": {"broken": "acme_broken:Engine"}},
    )
    listed = backfleet("plugins", env=env)
    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if " broken " in line]
    assert line.split(None, 4) == [
        "engine",
        "broken",
        "acme",
        "1.0",
        "ZeroDivisionError: division by zero",
    ]
    shown = backfleet("plugins", "show", "broken", env=env).stdout
    assert "target        acme_broken:Engine\n" in shown
    assert "Traceback (most recent call last):" in shown
    assert 'acme_broken.py", line 2, in half' in shown
    assert plugins(backfleet, env)["backtrader"]["error"] is None


def test_what_a_plugin_is_not_is_listed(backfleet: Cli, installed: Install) -> None:
    env = installed(
        "acme",
        {"acme_any.py": "class Any: pass\n"},
        {
            "backfleet.strategies": {"a": "acme_any:Any"},
            "backfleet.engines": {"b": "acme_any:Any"},
            "backfleet.sources": {"c": "acme_any:Any"},
            "backfleet.executors": {"d": "acme_any:Any"},
            "backfleet.commands": {"e": "acme_any:Any"},
            "backfleet": {"f": "acme_any"},
            "backfleet.elsewhere": {"g": "acme_any:Any"},
        },
    )
    rows = plugins(backfleet, env)
    assert "not a subclass of backtrader.Strategy" in rows["a"]["error"]
    assert "not a subclass of backfleet.engine.Engine" in rows["b"]["error"]
    assert "not a subclass of backfleet.source.Source" in rows["c"]["error"]
    assert "not a subclass of backfleet.executor.Executor" in rows["d"]["error"]
    assert "not a click command" in rows["e"]["error"]
    assert "has no hook" in rows["f"]["error"]
    assert "g" not in rows
    (strategy,) = [
        row
        for row in json.loads(backfleet("strategies", "--json", env=env).stdout)
        if row["name"] == "a"
    ]
    assert "strategy 'a' of acme 1.0 (acme_any:Any) is not a subclass" in strategy["error"]


def test_the_options_of_a_source_are_shown_with_their_meaning(backfleet: Cli) -> None:
    (row,) = json.loads(backfleet("plugins", "show", "csv", "--json").stdout)
    meanings = {setting["name"]: setting["doc"] for setting in row["settings"]}
    assert meanings["delimiter"] == "One ASCII character, between the columns; not a quote."
    assert all(meanings.values()), meanings
    (row,) = json.loads(backfleet("plugins", "show", "preset", "--json").stdout)
    assert {"name": "preset", "default": "required"}.items() <= row["settings"][0].items()


def test_the_settings_of_an_executor_are_shown(backfleet: Cli) -> None:
    shown = backfleet("plugins", "show", "local").stdout
    assert "setting       workers = None  worker processes; cores / cpus if unset\n" in shown
    (row,) = json.loads(backfleet("plugins", "show", "csv", "--json").stdout)
    assert "delimiter" in {setting["name"] for setting in row["settings"]}


def test_an_unknown_plugin_gets_the_nearest(backfleet: Cli) -> None:
    refused = backfleet("plugins", "show", "locl")
    assert refused.returncode == 2
    assert refused.stderr == "backfleet: no plugin is named 'locl'; did you mean 'local'?\n"
