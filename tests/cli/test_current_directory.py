"""The current directory may be a stranger's: nothing is imported from it unasked.

A trap stands in the place of the finder for that directory, and notes every module that is looked
up there, whether the directory has it or not. So no list of names can be incomplete.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from backfleet.plugins import KINDS
from sample_job import job_text

SECONDS = 120

TRAP = '''
import os
import sys

class Trap:
    """Finds nothing, and notes what backfleet looks for."""

    def find_spec(self, name, target=None):
        if "backfleet.cli" in sys.modules or "multiprocessing.forkserver" in sys.modules:
            with open(os.environ["TRAP_RECORD"], "a") as record:
                record.write(f"{name}\\n")

def hook(path):
    if os.path.abspath(path) != os.environ["TRAP_FOLDER"]:
        raise ImportError
    return Trap()

sys.path_hooks.insert(0, hook)
sys.path_importer_cache.clear()
'''

EVIL = """
from pathlib import Path

Path(__file__).with_name("executed").touch()
"""

ABSENT = ("orjson", "uvloop", "httptools", "wsproto", "websockets", "simplejson", "h2", "evil")
"""Modules that libraries try to import and do without, and the one that the entry points name."""

LAUNCHERS = {
    "command": ([], {}),
    "module": (["-m", "backfleet"], {}),
    "safe module": (["-m", "backfleet"], {"PYTHONSAFEPATH": "1"}),
}

PATHS = ("{}", "{}:", "{}:.", "{}::./")
"""PYTHONPATH without the current directory, and with it in the ways that name no folder."""

STARTS = [
    pytest.param(launcher, path, marks=[] if is_usual else pytest.mark.exhaustive)
    for number, launcher in enumerate(LAUNCHERS)
    for at, path in enumerate(PATHS)
    # Every launcher and every path, but not every pair.
    for is_usual in [at == number or (launcher, path) == ("module", PATHS[-1])]
]

MANY = """
import contextlib, io, json, os, sys
from backfleet.__main__ import main

outcomes = []
for line in json.loads(sys.argv[1]):
    sys.argv = ["backfleet", *line]
    text = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    record = os.environ["TRAP_RECORD"]
    lookups = open(record).read().split() if os.path.exists(record) else []
    outcomes.append([line, code, lookups, text.buffer.getvalue().decode()])
print(json.dumps(outcomes))
"""
"""Runs commands one after the other, and notes what was looked up until the end of each."""


@dataclass(frozen=True)
class HostileFolder:
    """A current directory that belongs to somebody else."""

    folder: Path
    tools: Path

    def __call__(
        self,
        *arguments: object,
        launcher: str = "command",
        path: str = "{}",
        variables: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(launcher, arguments),
            cwd=self.folder,
            env=self.environment(launcher, path) | (variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def command(self, launcher: str, arguments: Sequence[object]) -> list[str]:
        # The script that installers write.
        start = LAUNCHERS[launcher][0] or [str(self.tools / "backfleet")]
        return [sys.executable, *start, *map(str, arguments)]

    def environment(self, launcher: str, path: str) -> dict[str, str]:
        return {
            **os.environ,
            **LAUNCHERS[launcher][1],
            "PYTHONPATH": path.format(self.tools / "trap"),
            "TRAP_FOLDER": str(self.folder),
            "TRAP_RECORD": str(self.record),
        }

    @property
    def record(self) -> Path:
        return self.tools / "record"

    @property
    def lookups(self) -> list[str]:
        """The modules that were looked up in the folder since the last time."""
        names = self.record.read_text().split() if self.record.exists() else []
        self.record.unlink(missing_ok=True)
        return names

    @property
    def executed(self) -> bool:
        return (self.folder / "executed").exists()


@pytest.fixture
def hostile(tmp_path: Path) -> HostileFolder:
    """A folder with modules that libraries try to import, and plugins of every kind."""
    folder, tools = tmp_path / "hostile", tmp_path / "tools"
    info = folder / "evil-1.0.dist-info"
    info.mkdir(parents=True)
    (tools / "trap").mkdir(parents=True)
    (tools / "trap" / "sitecustomize.py").write_text(TRAP)
    (tools / "backfleet").write_text("from backfleet.__main__ import main\nmain()\n")
    (tools / "many").write_text(MANY)
    for name in ABSENT:
        (folder / f"{name}.py").write_text(EVIL)
    groups = [*KINDS.values(), "pydantic", "pytest11"]
    points = "\n".join(
        f"[{group}]\nevil = evil:Evil\nsma-crossover = evil:Evil" for group in groups
    )
    (info / "entry_points.txt").write_text(points)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    return HostileFolder(folder, tools)


@pytest.fixture(scope="module")
def bundle(finished_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a strategy in a file, as a stranger sends it."""
    file = tmp_path_factory.mktemp("bundle") / "run.zip"
    command = [sys.executable, "-m", "backfleet", "export", str(finished_runs["fails"]), str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file


READING = (
    "--help",
    "--version",
    "status RUN",
    "wait RUN",
    "results RUN",
    "results RUN --sql 'SELECT * FROM results' --json",
    "runs --store STORE",
    "runs --store STORE --json --where 'tasks>0'",
    "compare RUN RUN",
    "report RUN",
    "report RUN 0",
    "logs RUN",
    "export RUN run.zip",
    "import BUNDLE",
    "plugins",
    "plugins show sma-crossover",
    "strategies",
    "data check DATA --source cn-daily",
    "data --help",
    "doctor",
    "image --help",
    "aws --help",
    "cancel RUN",
)


@pytest.fixture
def reading(
    finished_runs: dict[str, Path], bundle: Path, sample_data: Path
) -> dict[str, list[str]]:
    """The arguments of each line of `READING`."""
    run = finished_runs["sma"]
    paths = {"RUN": run, "STORE": run.parent, "BUNDLE": bundle, "DATA": sample_data}
    return {line: [str(paths.get(part, part)) for part in shlex.split(line)] for line in READING}


def check_reading(line: str, code: object, lookups: Sequence[str], text: str) -> None:
    assert code in ((0, 1) if line == "doctor" else (0,)), (line, text)
    assert lookups == [], line
    assert "evil" not in text, line


def test_commands_that_read_look_up_no_module_in_the_current_directory(
    hostile: HostileFolder, reading: dict[str, list[str]]
) -> None:
    done = subprocess.run(
        [sys.executable, str(hostile.tools / "many"), json.dumps([*reading.values()])],
        cwd=hostile.folder,
        env=hostile.environment("module", "{}:"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line, (_, code, lookups, text) in zip(reading, json.loads(done.stdout), strict=True):
        check_reading(line, code, lookups, text)
    assert not hostile.executed


@pytest.mark.exhaustive
@pytest.mark.parametrize("line", READING)
def test_a_process_of_a_command_that_reads_looks_up_no_module_in_the_current_directory(
    hostile: HostileFolder, reading: dict[str, list[str]], line: str
) -> None:
    done = hostile(*reading[line], launcher="module", path="{}:")
    check_reading(line, done.returncode, hostile.lookups, done.stdout + done.stderr)
    assert not hostile.executed


@pytest.mark.parametrize(("launcher", "path"), STARTS)
def test_neither_the_launcher_nor_an_empty_entry_of_the_path_brings_it_back(
    hostile: HostileFolder, launcher: str, path: str
) -> None:
    done = hostile("strategies", launcher=launcher, path=path)
    assert done.returncode == 0, done.stderr
    assert "sma-crossover" in done.stdout
    assert hostile.lookups == []
    assert "evil" not in done.stdout + done.stderr


def test_a_server_imports_nothing_from_the_current_directory(
    hostile: HostileFolder, finished_runs: dict[str, Path]
) -> None:
    run = finished_runs["sma"]
    server = subprocess.Popen(
        hostile.command("module", ["serve", run.parent, "--port", "0"]),
        cwd=hostile.folder,
        env=hostile.environment("module", "{}:"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline().partition(" at ")[2].split(" ")[0]
        for page in ("", f"runs/{run.name}"):
            with urllib.request.urlopen(
                address.rstrip("/") + f"/{page}", timeout=SECONDS
            ) as answer:
                assert answer.status == 200
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=SECONDS)
    assert hostile.lookups == []
    assert not hostile.executed


def test_a_verification_looks_up_nothing_there_before_consent(
    hostile: HostileFolder, bundle: Path, tmp_path: Path
) -> None:
    imported = hostile("import", bundle, "--json")
    run = json.loads(imported.stdout)["store"]
    stranger = {"XDG_STATE_HOME": str(tmp_path / "state")}
    done = hostile("verify", run, launcher="module", path="{}:", variables=stranger)
    assert done.returncode == 2
    assert "--trust-code" in done.stderr
    assert hostile.lookups == []


@pytest.mark.parametrize(
    "launcher", ["command", pytest.param("module", marks=pytest.mark.exhaustive)]
)
def test_a_run_of_an_installed_strategy_looks_up_nothing_there(
    hostile: HostileFolder, tmp_path: Path, launcher: str
) -> None:
    job = tmp_path / "job.toml"
    job.write_text(job_text("sma-crossover", "period = 15"))
    done = hostile("run", job, launcher=launcher, path="{}:")
    assert done.returncode == 0, done.stderr
    assert hostile.lookups == []
    assert not hostile.executed


def test_a_strategy_in_a_file_finds_its_folder_and_not_the_current_directory(
    hostile: HostileFolder, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "mine.py").write_text(
        "import backtrader as bt\nfrom helper import LEVEL\n\n"
        "class Mine(bt.Strategy):\n    def next(self):\n"
        "        from late import LEVEL as late\n        assert late == LEVEL\n"
    )
    (home / "helper.py").write_text("LEVEL = 1\n")
    (home / "late.py").write_text("LEVEL = 1\n")
    (home / "job.toml").write_text(job_text("mine.py:Mine", ""))
    for command in ("run", "debug"):
        done = hostile(command, home / "job.toml", launcher="module", path="{}:")
        assert done.returncode == 0, done.stdout + done.stderr
    assert hostile.lookups == []


@pytest.mark.parametrize(
    "launcher", [pytest.param("command", marks=pytest.mark.exhaustive), "module"]
)
def test_a_strategy_named_by_its_module_is_found_there_after_all_that_is_installed(
    hostile: HostileFolder, tmp_path: Path, launcher: str
) -> None:
    (hostile.folder / "loose.py").write_text(
        "import backtrader as bt\nimport numpy\n\nclass Loose(bt.Strategy):\n    pass\n"
    )
    (hostile.folder / "numpy.py").write_text(EVIL)
    job = tmp_path / "job.toml"
    job.write_text(job_text("loose:Loose", ""))
    _keep_own_groups(hostile)
    variables = {"TRAP_FOLDER": "none"}
    for command in ("run", "debug"):
        done = hostile(command, job, launcher=launcher, variables=variables)
        assert done.returncode == 0, done.stdout + done.stderr
    assert not hostile.executed


def test_plugins_never_come_from_it_even_beside_a_strategy_that_does(
    hostile: HostileFolder, tmp_path: Path
) -> None:
    (hostile.folder / "loose.py").write_text(
        "import backtrader as bt\n\nclass Loose(bt.Strategy):\n    pass\n"
    )
    job = tmp_path / "job.toml"
    job.write_text('plugins = ["evil"]\n' + job_text("loose:Loose", ""))
    _keep_own_groups(hostile)
    variables = {"TRAP_FOLDER": "none"}
    done = hostile("run", job, variables=variables)
    assert done.returncode == 2
    assert "evil" in done.stderr
    assert not hostile.executed


def _keep_own_groups(hostile: HostileFolder) -> None:
    """Leave only backfleet's plugins: libraries look for their own along `sys.path`."""
    (points,) = hostile.folder.glob("*/entry_points.txt")
    points.write_text(points.read_text().partition("[pydantic]")[0])


def test_a_package_that_is_being_developed_there_is_found_as_installed(
    tmp_path: Path,
) -> None:
    """An absolute entry of PYTHONPATH stands for an editable installation."""
    (tmp_path / "mine.py").write_text(
        "import backtrader as bt\n\nclass Mine(bt.Strategy):\n    pass\n"
    )
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[backfleet.strategies]\nmine = mine:Mine\n")
    for path in (str(tmp_path), f"{tmp_path}:", f":{tmp_path}"):
        done = subprocess.run(
            [sys.executable, "-m", "backfleet", "strategies"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "mine  (mine 1.0)" in done.stdout, done.stderr
