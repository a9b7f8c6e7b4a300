"""Strategies by reference: found, described, and refused in words that say what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import JobError, PluginError, UnknownPlugin
from backfleet.job import Job
from backfleet.job.parameter import Parameter
from backfleet.strategy import description_of, load_strategy, locate_strategy
from backfleet.strategy_reference import StrategyReference

Cli = Callable[..., subprocess.CompletedProcess[str]]

MINE = '''
import backtrader as bt
from near_by import PERIOD

class Mine(bt.Strategy):
    """Does nothing.

    At length.
    """

    params = (
        ("period", PERIOD), ("rate", 0.5), ("label", "a"), ("on", True), ("any", None),
        ("levels", (1, 2)), ("indicator", bt.indicators.SMA),
    )

    class Inner(bt.Strategy):
        params = dict(depth=2)

class Indicator(bt.Indicator):
    lines = ("x",)

class Plain:
    pass

number = 3
'''


@pytest.fixture(autouse=True)
def _own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules that a test imports, and folders it adds for them, are gone after it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("mine", "near_by"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "near_by.py").write_text("PERIOD = 15\n")
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


def test_a_strategy_in_a_file_is_described_with_the_types_of_its_defaults(mine: Path) -> None:
    description = description_of(load_strategy(locate_strategy(f"{mine}:Mine")))
    assert description.doc == "Does nothing."
    assert description.parameters == (
        Parameter("period", "int", 15),
        Parameter("rate", "float", 0.5),
        Parameter("label", "str", "a"),
        Parameter("on", "bool", True),
        Parameter("any", "any", None),
        Parameter("levels", "list", [1, 2]),
        Parameter("indicator", "any", None, describable=False),
    )


def test_a_class_within_a_class_is_found(mine: Path) -> None:
    description = description_of(load_strategy(locate_strategy(f"{mine}:Mine.Inner")))
    assert (description.doc, description.parameters) == ("", (Parameter("depth", "int", 2),))


def test_a_module_is_found_by_its_name(mine: Path) -> None:
    sys.path.insert(0, str(mine.parent))
    assert load_strategy(locate_strategy("mine:Mine")).__name__ == "Mine"
    assert locate_strategy("mine:Mine") == StrategyReference("mine:Mine")


def test_a_plugin_is_found_by_its_name_with_its_distribution() -> None:
    located = locate_strategy("sma-crossover")
    assert (located.target, located.distribution) == (
        "backfleet_strategies.sma_crossover:SmaCrossover",
        "backfleet",
    )


def test_a_reference_can_be_located_again(mine: Path) -> None:
    located = locate_strategy(f"{mine}:Mine")
    assert locate_strategy(located.reference) == located


def test_a_file_named_like_a_module_that_is_loaded_does_not_replace_it(tmp_path: Path) -> None:
    file = tmp_path / "json.py"
    file.write_text("import backtrader as bt\nclass Mine(bt.Strategy):\n    pass\n")
    assert load_strategy(locate_strategy(f"{file}:Mine")).__name__ == "Mine"
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Mime", r"mine\.py has no class 'Mime'; it has Indicator, Mine, Plain"),
        ("number", r"mine\.py has no class 'number'"),
        ("Plain", r"Plain is not a subclass of backtrader\.Strategy"),
        ("Indicator", r"Indicator is not a subclass of backtrader\.Strategy"),
    ],
)
def test_what_is_no_strategy_is_refused(mine: Path, name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        load_strategy(locate_strategy(f"{mine}:{name}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = nothing\n", r"NameError: name 'nothing' is not defined \(.*bad\.py, line 2\)"),
        ("def broken(:\n", r"SyntaxError: .*\(bad\.py, line 1\)"),
        ("import not_installed_lib\n", "ModuleNotFoundError: No module named 'not_installed_lib'"),
        ("import sys\nsys.exit(3)\n", r"SystemExit: 3 \(.*bad\.py, line 2\)"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(PluginError, match=message):
        load_strategy(locate_strategy(f"{tmp_path}/bad.py:Bad"))


@pytest.mark.parametrize(
    "line",
    [
        "raise type('Odd', (BaseException,), {})('why')",
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
        "raise ValueError('a\\n' * 1000 + '\\x1b[2J')",
        "raise ValueError('x' * 10**7)",
    ],
)
def test_whatever_a_file_raises_while_it_is_imported_is_one_short_line(
    tmp_path: Path, line: str
) -> None:
    (tmp_path / "odd.py").write_text(line)
    with pytest.raises(PluginError, match=r"cannot be imported: \w+: .*line 1\)$") as refused:
        load_strategy(locate_strategy(f"{tmp_path / 'odd.py'}:Odd"))
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1000


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"there is no file /.*/nothing\.py"):
        locate_strategy(f"{tmp_path}/nothing.py:Mine")


def test_a_file_that_is_a_link_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop.py").symlink_to("loop.py")
    with pytest.raises(JobError, match=r"there is no file /.*/loop\.py"):
        locate_strategy(f"{tmp_path}/loop.py:Mine")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sma-crosover", "no strategy is named 'sma-crosover'; did you mean 'sma-crossover'\\?"),
        ("zzz", "no strategy is named 'zzz'; there are .*buy-and-hold, .*sma-crossover"),
    ],
)
def test_a_name_that_no_plugin_has_gets_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UnknownPlugin, match=message):
        locate_strategy(name)


def job_of(strategy: object) -> Job:
    values: dict[str, Any] = {"strategy": strategy, "data": {"source": "csv", "path": "data"}}
    return Job(**values)


def test_a_class_that_can_be_imported_stands_for_its_reference() -> None:
    from backfleet_strategies.buy_and_hold import BuyAndHold

    job = job_of(BuyAndHold)
    assert (job.strategy, job.name) == (
        "backfleet_strategies.buy_and_hold:BuyAndHold",
        "BuyAndHold",
    )


def test_a_class_made_in_a_function_is_refused() -> None:
    class Local:
        pass

    with pytest.raises(
        JobError, match=r"strategy = .*made within a function; .*write it to a file"
    ):
        job_of(Local)


@pytest.mark.parametrize("module", ["nothing_here", "json"])
def test_a_class_that_its_module_does_not_hold_is_refused(module: str) -> None:
    lost = type("Lost", (), {"__module__": module})
    with pytest.raises(JobError, match=rf"cannot be imported as {module}:Lost; .*to a file"):
        job_of(lost)


@pytest.mark.parametrize(
    "strategy", ["__main__:Mine", type("Mine", (), {"__module__": "__main__"})]
)
def test_a_class_of_a_notebook_or_script_is_refused(strategy: object) -> None:
    with pytest.raises(JobError, match=r"in a notebook or the script itself; .*my_file\.py:Class"):
        job_of(strategy)


SCRIPT = """
import backfleet as bf
{strategy}
data = {{"source": "cn-daily", "path": "{data}", "timezone": "Asia/Shanghai"}}
job = bf.Job(strategy={reference}, data=data, results={{"store": "runs"}})
print(bf.run(job, progress=None).results()["status"].tolist())
"""


def run_script(folder: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, folder / "script.py"], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_a_class_from_a_module_beside_the_script_runs(
    mine: Path, sample_data: Path, tmp_path: Path
) -> None:
    strategy = "from mine import Mine"
    text = SCRIPT.format(strategy=strategy, reference="Mine", data=sample_data)
    (tmp_path / "script.py").write_text(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run_script(tmp_path, elsewhere)
    assert (done.returncode, done.stdout) == (0, "['suspicious', 'suspicious', 'suspicious']\n")


def test_a_script_that_runs_itself_as_the_strategy_is_told_how(
    sample_data: Path, tmp_path: Path
) -> None:
    strategy = "import backtrader as bt\nclass Mine(bt.Strategy):\n    pass\n"
    reference = "__file__ + ':Mine'"
    text = SCRIPT.format(strategy=strategy, reference=reference, data=sample_data)
    (tmp_path / "script.py").write_text(text)
    done = run_script(tmp_path, tmp_path)
    assert done.returncode == 1
    assert "JobError: " in done.stderr.splitlines()[-1]
    assert "script.py:Mine plans a job while it is imported" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_strategy_by_module_is_found_in_the_current_folder(
    backfleet: Cli, sample_job: Path, mine: Path
) -> None:
    done = backfleet("run", sample_job, "--set", "strategy='mine:Mine'", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["suspicious"] == 3


def test_a_class_of_a_notebook_cell_is_rejected() -> None:
    """Its source is in no file that could be hashed and kept."""
    with pytest.raises(JobError, match=r"Put the class into a file and name it as file\.py:Mine"):
        locate_strategy("__main__:Mine")
