"""The SDK is all of core that executors use beside the interface, the errors and the stores."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import backfleet_executors
from backfleet import sdk

ROOT = Path(__file__).parents[1]
EXECUTORS = Path(backfleet_executors.__file__).parent
ALLOWED = {"backfleet.errors", "backfleet.executor", "backfleet.sdk", "backfleet.store"}


def core_imports(file: Path) -> Iterator[str]:
    """Yield the modules of core that a file imports, within functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            names = [node.module]
        yield from (name for name in names if name.partition(".")[0] == "backfleet")


@pytest.mark.parametrize("name", ["local", "docker", "aws", "images"])
def test_an_executor_imports_from_at_most_four_modules_of_core(name: str) -> None:
    folder = EXECUTORS / name
    files = folder.rglob("*.py") if folder.is_dir() else EXECUTORS.glob("*.py")
    modules = {module for file in files for module in core_imports(file)}
    assert modules <= ALLOWED


@pytest.mark.parametrize("name", sdk.__all__)
def test_every_name_of_the_sdk_exists_and_is_documented(name: str) -> None:
    assert getattr(sdk, name) is not None
    assert f"`{name}`" in (ROOT / "docs" / "executor-plugin.md").read_text()


def test_importing_the_sdk_imports_none_of_its_parts() -> None:
    code = "import sys, backfleet.sdk; print(*(m for m in sys.modules if 'backfleet.' in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["backfleet.sdk"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sdk.no_such_name
