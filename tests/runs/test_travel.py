"""Code that the workers lack reaches them: a real worker, in an environment without that code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Install = Callable[..., dict[str, str]]

EXECUTOR = '''
import json
import os
import subprocess
from pathlib import Path

from backfleet.executor import Executor, ExecutorSettings, ShardState, ShardStatus


class Elsewhere(ExecutorSettings):
    python: str
    path: str
    scratch: str
    inventory: str


class ElsewhereExecutor(Executor):
    """Runs workers in an environment of their own, one after the other."""

    name = "elsewhere"
    Settings = Elsewhere

    def shards(self, chunks, cpus):
        return 1

    def preflight(self, submission):
        return []

    def installed(self):
        return json.loads(Path(self.settings.inventory).read_text())

    def submit(self, submission):
        ours = {"PYTHONPATH": self.settings.path, "TMPDIR": self.settings.scratch}
        command = [self.settings.python, "-P", "-m", "backfleet", "worker", submission.url, "0"]
        ended = subprocess.run(command, env=os.environ | ours, capture_output=True, text=True)
        return {"number": submission.number, "code": ended.returncode, "log": ended.stderr}

    def poll(self, handle):
        state = ShardState.FAILED if handle["code"] else ShardState.SUCCEEDED
        return [ShardStatus(0, state, handle["code"], handle["log"])]

    def cancel(self, handle):
        pass

    def logs(self, handle, shard, *, follow=False):
        return iter(handle["log"].splitlines())

    def find(self, run):
        return []
'''

INVENTORY = """
import json
from backfleet.plan.code import distribution_hashes
print(json.dumps(distribution_hashes()))
"""

HOLD = """
import backtrader as bt
from acme_levels import LEVEL
import acme_alpha

class Hold(bt.Strategy):
    def __init__(self):
        self.metrics = {"level": LEVEL, "file": acme_alpha.__file__}
"""
ALPHA = {"acme_alpha/__init__.py": "", "acme_alpha/hold.py": HOLD, "acme_alpha/table.csv": "1\n"}
LEVELS = {"acme_levels.py": "LEVEL = 3\n"}
POINTS = {"backfleet.strategies": {"acme-hold": "acme_alpha.hold:Hold"}}

JOB = """
strategy = "{strategy}"

[data]
source = "cn-daily"
path = "{data}"
symbols = ["600519"]
start = 2021-01-04
end = 2021-01-29
timezone = "Asia/Shanghai"
"""


@dataclass
class Elsewhere:
    """A folder to submit from, to workers that find nothing that is installed for it."""

    folder: Path
    data: Path
    options: Mapping[str, str]
    env: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable

    def call(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "backfleet", *map(str, arguments)],
            cwd=self.folder,
            env=os.environ | self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, strategy: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        job = self.folder / "job.toml"
        job.write_text(JOB.format(strategy=strategy, data=self.data))
        return self.call(
            "run", job, "--json", "--executor", "elsewhere", *self._options, *arguments
        )

    def row(self, strategy: str) -> Mapping[str, Any]:
        """The one row of a run that succeeds; `store` is where the run lies."""
        done = self.run(strategy)
        assert done.returncode == 0, done.stderr
        store = json.loads(done.stdout)["store"]
        (row,) = json.loads(self.call("results", store, "--format", "json").stdout)
        return {**row, "store": Path(store)}

    @property
    def _options(self) -> list[str]:
        return [part for key, value in self.options.items() for part in ("-o", f"{key}={value}")]


@pytest.fixture(scope="session")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What workers find installed, as they find it themselves."""
    file = tmp_path_factory.mktemp("inventory") / "installed.json"
    found = subprocess.run([sys.executable, "-c", INVENTORY], stdout=subprocess.PIPE, check=True)
    file.write_bytes(found.stdout)
    return file


@pytest.fixture
def elsewhere(tmp_path: Path, sample_data: Path, inventory: Path, installed: Install) -> Elsewhere:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = {
        "python": sys.executable,
        "path": os.environ.get("PYTHONPATH", ""),
        "scratch": str(scratch),
        "inventory": str(inventory),
    }
    points = {"backfleet.executors": {"elsewhere": "elsewhere_executor:ElsewhereExecutor"}}
    env = installed("elsewhere", {"elsewhere_executor.py": EXECUTOR}, points)
    return Elsewhere(tmp_path, sample_data, options, env)


def stored(row: Mapping[str, Any]) -> list[str]:
    """Names of what a run's submission brought along."""
    record = json.loads((row["store"] / "submissions" / "1.json").read_text())
    return [each["name"] for each in record["code"]]


def test_a_distribution_that_workers_lack_reaches_them_with_what_it_imports(
    elsewhere: Elsewhere, installed: Install
) -> None:
    installed("acme-levels", LEVELS, {})
    installed("acme-alpha", ALPHA, POINTS)
    row = elsewhere.row("acme-hold")
    assert row["level"] == 3
    assert row["file"].startswith(elsewhere.options["scratch"])
    assert stored(row) == ["acme-alpha", "acme-levels"]
