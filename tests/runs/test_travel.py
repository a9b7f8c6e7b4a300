"""Code that the workers lack reaches them: a real worker, in an environment without that code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.runs.run import Run
from exhaustive_cases import cases

Install = Callable[..., dict[str, str]]

EXECUTOR = '''
import json
import os
import subprocess
from pathlib import Path

from backfleet.executor import Executor, ExecutorSettings, Remote, ShardState, ShardStatus


class Elsewhere(ExecutorSettings):
    python: str
    path: str
    scratch: str
    inventory: str


class ElsewhereExecutor(Executor, Remote):
    """Runs workers in an environment of their own, one after the other."""

    name = "elsewhere"
    Settings = Elsewhere

    def count_shards(self, work):
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
'''

INVENTORY = """
import json, sys
from backfleet.code.hashes import distribution_hashes
print(json.dumps(distribution_hashes(sys.argv[1:] or None)))
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

MINE = """
import backtrader as bt
import near
from space.deep import part

class Mine(bt.Strategy):
    def __init__(self):
        self.metrics = {"file": __file__, "near": near.X, "part": part.X}
"""
ENGINE = """
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.sources.cn_daily import CnDailySource
from backfleet import hookimpl

class Engine(BacktraderEngine):
    name = "acme"

class Source(CnDailySource):
    name = "acme"

@hookimpl
def backfleet_metrics(params, outcome):
    return {"plugin": __file__}
"""
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-alpha"
version = "1.0"

[project.entry-points."backfleet.strategies"]
acme-hold = "acme_alpha.hold:Hold"

[tool.hatch.build.targets.wheel]
packages = ["acme_alpha", "acme_levels.py"]
"""

JOB = """
strategy = "{strategy}"
{more}

[data]
source = "{source}"
path = "{data}"
symbols = ["600519"]
start = 2021-01-04
end = 2021-01-29
timezone = "Asia/Shanghai"
"""


@dataclass
class Elsewhere:
    """A folder to submit from, to workers that find nothing of what is installed for it.

    Attributes
    ----------
    options
        Settings of the executor.
    env
        What the submitting process has besides, and its workers lack.
    """

    folder: Path
    data: Path
    options: dict[str, str]
    env: dict[str, str]
    python: str = sys.executable

    def write(self, files: Mapping[str, str], folder: str = ".") -> Path:
        for name, text in files.items():
            path = self.folder / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self.folder / folder

    def call(self, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "backfleet", *map(str, arguments)],
            cwd=self.folder,
            env=os.environ | self.env | env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(
        self, strategy: str, more: str = "", source: str = "cn-daily"
    ) -> subprocess.CompletedProcess[str]:
        job = self.folder / "job.toml"
        job.write_text(JOB.format(strategy=strategy, data=self.data, more=more, source=source))
        return self.call("run", job, "--json", "--executor", "elsewhere", *self.settings)

    def completed(self, strategy: str, more: str = "", source: str = "cn-daily") -> Run:
        """A run that succeeds."""
        done = self.run(strategy, more, source)
        assert done.returncode == 0, done.stderr
        return bf.open_run(json.loads(done.stdout)["store"])

    def worker(self, run: Run) -> subprocess.CompletedProcess[str]:
        """The worker of a run's newest submission once more."""
        url = run.latest_submission().submission.url
        workers = {"PYTHONPATH": self.options["path"], "TMPDIR": self.options["scratch"]}
        return self.call("worker", url, 0, **workers)

    @property
    def settings(self) -> list[str]:
        return [part for key, value in self.options.items() for part in ("-o", f"{key}={value}")]

    def lend(self, folder: Path) -> None:
        """Have the workers find modules in a folder."""
        self.options["path"] = os.pathsep.join([str(folder), self.options["path"]])

    def claim(self, *names: str) -> None:
        """Have the executor say that the workers have these distributions as they are here."""
        command = [self.python, "-c", INVENTORY, *names]
        env = os.environ | self.env
        done = subprocess.run(command, stdout=subprocess.PIPE, env=env, check=True)
        known = json.loads(Path(self.options["inventory"]).read_text())
        self.tell(known | json.loads(done.stdout))

    def tell(self, hashes: Mapping[str, str]) -> None:
        """Have the executor say that the workers have what has these hashes."""
        file = self.folder / "installed.json"
        file.write_text(json.dumps(hashes))
        self.options["inventory"] = str(file)


def row(run: Run) -> Mapping[str, Any]:
    """The one row of a run."""
    (only,) = run.results().to_dict("records")
    return {str(name): value for name, value in only.items()}


def brought(run: Run) -> list[str]:
    """Names of what a run's newest submission brought along."""
    return [package.name for package in run.latest_submission().submission.code or ()]


@pytest.fixture(scope="session")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What workers find installed, as they find it themselves."""
    file = tmp_path_factory.mktemp("inventory") / "installed.json"
    done = subprocess.run([sys.executable, "-c", INVENTORY], stdout=subprocess.PIPE, check=True)
    file.write_bytes(done.stdout)
    return file


@pytest.fixture
def scratch() -> Iterator[str]:
    """A folder with a short name, as sockets need it."""
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.fixture
def elsewhere(
    tmp_path: Path, sample_data: Path, inventory: Path, installed: Install, scratch: str
) -> Elsewhere:
    options = {
        "python": sys.executable,
        "path": os.environ.get("PYTHONPATH", ""),
        "scratch": scratch,
        "inventory": str(inventory),
    }
    points = {"backfleet.executors": {"elsewhere": "elsewhere_executor:ElsewhereExecutor"}}
    env = installed("elsewhere", {"elsewhere_executor.py": EXECUTOR}, points)
    return Elsewhere(tmp_path, sample_data, options, env)


def test_a_distribution_that_workers_lack_reaches_them_with_what_it_imports(
    elsewhere: Elsewhere, installed: Install
) -> None:
    installed("acme-levels", LEVELS, {})
    installed("acme-alpha", ALPHA, POINTS, version="1.5")
    run = elsewhere.completed("acme-hold")
    assert row(run)["level"] == 3
    assert row(run)["file"].startswith(elsewhere.options["scratch"])
    assert brought(run) == ["acme-alpha", "acme-levels"]
    named = {distribution.name: distribution.version for distribution in run.manifest.distributions}
    assert named == {"acme-alpha": "1.5", "backfleet": version("backfleet")}
    local = elsewhere.call("run", elsewhere.folder / "job.toml", "--dry-run", "--json")
    assert json.loads(local.stdout)["run_id"] == run.id


def test_a_file_and_plugins_of_every_other_kind_reach_them(
    elsewhere: Elsewhere, installed: Install
) -> None:
    groups = {"backfleet.engines": "Engine", "backfleet.sources": "Source"}
    points = {group: {"acme": f"acme_plugins:{name}"} for group, name in groups.items()}
    installed("acme", {"acme_plugins.py": ENGINE}, points | {"backfleet": {"acme": "acme_plugins"}})
    files = {"mine.py": MINE, "near.py": "X = 1\n", "space/deep/part.py": "X = 2\n"}
    folder = elsewhere.write(files, "folder")
    more = 'engine = "acme"\nplugins = ["acme"]'
    run = elsewhere.completed(f"{folder}/mine.py:Mine", more, "acme")
    assert brought(run) == ["acme", "folder-of-mine"]
    values = row(run)
    assert (values["near"], values["part"]) == (1, 2)
    for name in ("file", "plugin"):
        assert values[name].startswith(elsewhere.options["scratch"])


READER = """
import os
from pathlib import Path
import backtrader as bt

class Reader(bt.Strategy):
    def __init__(self):
        beside = Path(__file__).with_name("tuned.txt").read_text()
        with open("tuned.txt") as tuned, open("weights/a.txt") as weights:
            read = [beside, tuned.read(), weights.read()]
        self.metrics = {
            "read": " ".join(read), "folder": os.getcwd(), "others": " ".join(os.listdir()),
        }
"""
INPUTS = {"tuned.txt": "1", "weights/a.txt": "2", "undeclared.txt": "3"}
DECLARED = 'files = ["tuned.txt", "weights/*.txt"]'


def test_declared_files_of_a_folder_reach_workers_at_the_same_place(elsewhere: Elsewhere) -> None:
    folder = elsewhere.write({"reader.py": READER, **INPUTS}, "folder")
    run = elsewhere.completed(f"{folder}/reader.py:Reader", DECLARED)
    assert row(run)["read"] == "1 1 2"
    assert row(run)["folder"].startswith(elsewhere.options["scratch"])
    assert "undeclared.txt" not in row(run)["others"].split()
    assert [header.undeclared for header in run.chunk_index.headers()] == [()]
    local = elsewhere.call("run", elsewhere.folder / "job.toml", "--dry-run", "--json")
    assert json.loads(local.stdout)["run_id"] == run.id

    (folder / "tuned.txt").write_text("4")
    other = elsewhere.completed(f"{folder}/reader.py:Reader", DECLARED)
    assert row(other)["read"] == "4 4 2"
    assert other.id != run.id


@pytest.mark.parametrize("package", cases("space/acme_reader", exhaustive=["acme_reader"]))
def test_declared_files_of_a_package_reach_workers_in_the_package(
    elsewhere: Elsewhere, installed: Install, package: str
) -> None:
    files = {"__init__.py": "", "reader.py": READER, **INPUTS}
    module = package.replace("/", ".")
    points = {"backfleet.strategies": {"acme-reader": f"{module}.reader:Reader"}}
    installed("acme-reader", {f"{package}/{name}": text for name, text in files.items()}, points)
    run = elsewhere.completed("acme-reader", DECLARED)
    assert row(run)["read"] == "1 1 2"
    assert row(run)["folder"].startswith(elsewhere.options["scratch"])
    assert row(run)["folder"].endswith(f"/{package}")

    local = elsewhere.call("run", elsewhere.folder / "job.toml", "--json", "--set", "seed=1")
    assert local.returncode == 0, local.stderr
    here = row(bf.open_run(json.loads(local.stdout)["store"]))
    assert here["folder"] == str(elsewhere.folder / "site" / package)


def test_undeclared_files_of_shipped_code_are_recorded_relative_to_its_folder(
    elsewhere: Elsewhere, installed: Install
) -> None:
    points = {"backfleet.strategies": {"acme-reader": "acme_reader.reader:Reader"}}
    files = {"__init__.py": "", "reader.py": READER, **INPUTS}
    installed("acme-reader", {f"acme_reader/{name}": text for name, text in files.items()}, points)
    run = elsewhere.completed("acme-reader", 'files = ["tuned.txt", "weights/a.txt"]')
    (header,) = run.chunk_index.headers()
    assert header.undeclared == ()
    elsewhere.write({"acme_reader/weights/a.txt": "5"}, "site")
    other = elsewhere.completed("acme-reader", 'files = ["tuned.txt"]')
    (header,) = other.chunk_index.headers()
    assert [(file.path, file.host) for file in header.undeclared] == [("weights/a.txt", "")]


def test_an_editable_install_is_shipped_as_it_stands(
    elsewhere: Elsewhere, fresh_python: Path, pip_install: Callable[..., None]
) -> None:
    project = elsewhere.write({"pyproject.toml": PROJECT, **ALPHA, **LEVELS}, "project")
    pip_install("--editable", project)
    elsewhere.python = str(fresh_python)
    first = elsewhere.completed("acme-hold")
    levels = project / "acme_levels.py"
    before = levels.stat()
    levels.write_text("LEVEL = 4\n")
    os.utime(levels, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = elsewhere.completed("acme-hold")
    assert brought(first) == brought(second) == ["acme-alpha"]
    assert (row(first)["level"], row(second)["level"]) == (3, 4)
    assert first.id != second.id


def test_what_workers_have_is_used_and_another_version_is_not(
    elsewhere: Elsewhere, installed: Install, tmp_path: Path
) -> None:
    installed("acme-levels", LEVELS, {})
    installed("acme-alpha", ALPHA, POINTS)
    theirs = shutil.copytree(tmp_path / "site", tmp_path / "theirs")
    elsewhere.lend(theirs)
    elsewhere.claim("acme-alpha", "acme-levels")
    same = elsewhere.completed("acme-hold")
    assert brought(same) == []
    assert row(same)["file"] == f"{theirs}/acme_alpha/__init__.py"

    elsewhere.write({"acme_levels.py": "LEVEL = 4\n"}, "site")
    other = elsewhere.completed("acme-hold")
    assert brought(other) == ["acme-levels"]
    assert (row(same)["level"], row(other)["level"]) == (3, 4)


def test_workers_that_lack_what_their_inventory_lists_refuse(
    elsewhere: Elsewhere, installed: Install, tmp_path: Path
) -> None:
    installed("acme-alpha", {**ALPHA, **LEVELS}, POINTS)
    elsewhere.claim("acme-alpha")
    done = elsewhere.run("acme-hold")
    assert done.returncode == 1
    (folder,) = (tmp_path / "runs").glob("[0-9a-f]*")
    run = bf.open_run(str(folder))
    (failure,) = run.failures()
    handle = run.latest_submission().handle
    assert handle is not None
    assert handle["code"] == 64
    assert failure.kind == "PluginError"
    assert "the code of strategy acme_alpha.hold:Hold is missing here" in failure.message


def test_code_in_the_store_is_verified_and_resume_goes_on_with_it(
    elsewhere: Elsewhere, installed: Install
) -> None:
    installed("acme-alpha", {**ALPHA, **LEVELS}, POINTS)
    run = elsewhere.completed("acme-hold")
    code = next(
        package
        for package in run.latest_submission().submission.code or ()
        if package.name == "acme_levels"
    )
    wheel = Path(run.url, code.key)
    content = wheel.read_bytes()
    wheel.write_bytes(content.replace(b"LEVEL = 3", b"LEVEL = 5"))
    damaged = elsewhere.worker(run)
    wheel.unlink()
    missing = elsewhere.worker(run)
    assert (damaged.returncode, missing.returncode) == (64, 64)
    assert damaged.stderr.startswith(f"PluginError: {wheel} is damaged: its SHA-256 is ")
    assert missing.stderr.startswith(f"PluginError: {wheel} is missing: it is acme_levels 0,")

    shutil.rmtree(Path(run.url, "chunks"))
    wheel.write_bytes(content[:-1])
    assert elsewhere.call("resume", run.url, *elsewhere.settings).returncode == 0
    assert wheel.with_suffix(".1.whl").read_bytes() == content

    # What was planned is stored: it no longer matters what becomes of it here.
    shutil.rmtree(Path(run.url, "chunks"))
    elsewhere.write({"acme_levels.py": "LEVEL = 4\n"}, "site")
    resumed = elsewhere.call("resume", run.url, *elsewhere.settings)
    assert resumed.returncode == 0, resumed.stderr
    assert row(bf.open_run(run.url))["level"] == 3


def test_code_that_cannot_be_shipped_is_refused_and_leaves_nothing(
    elsewhere: Elsewhere, installed: Install
) -> None:
    installed("acme-alpha", {**ALPHA, **LEVELS, "acme_alpha/fast.so": ""}, POINTS)
    refused = elsewhere.run("acme-hold")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "backfleet: acme-alpha 1.0 cannot be shipped to the workers: acme_alpha/fast.so is machine "
        "code; build an image that holds it: backfleet image build --with acme-alpha\n"
    )
    assert not (elsewhere.folder / "runs").exists()


def test_workers_with_another_backfleet_are_refused(elsewhere: Elsewhere) -> None:
    elsewhere.tell({"backfleet": "0" * 64})
    refused = elsewhere.run("buy-and-hold")
    assert refused.returncode == 2
    assert "rebuild their image: backfleet image build" in refused.stderr
    assert not (elsewhere.folder / "runs").exists()
