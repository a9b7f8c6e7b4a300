"""The examples of docs/plugins.md run, and its hooks are those of backfleet."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backfleet.plugins import hook_manager
from backfleet.testing import synthetic_bars

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)


def _module_with(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the example that defines a name after those before it, and return its module's names."""
    module = ModuleType("my_package")
    monkeypatch.setitem(sys.modules, "my_package", module)
    monkeypatch.setitem(sys.modules, "acme_market", module)
    for example in EXAMPLES:
        exec(example, vars(module))
        if name in vars(module):
            return vars(module)
    pytest.fail(f"no example defines {name}")


def test_the_hooks_of_the_page_have_the_arguments_that_backfleet_passes() -> None:
    on_page = {
        name: tuple(filter(None, arguments.split(", ")))
        for name, arguments in re.findall(r"`(backfleet_\w+)\((.*?)\)`", PAGE)
    }
    hooks = vars(hook_manager().hook)
    assert on_page == {name: hook.spec.argnames for name, hook in hooks.items() if hook.has_spec()}


def test_the_notifier_of_the_page_is_a_valid_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = hook_manager()
    manager.register(_module_with("Notifier", monkeypatch)["plugin"])
    manager.check_pending()


def test_the_test_of_the_page_passes_with_its_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    test = _module_with("TestBreakout", monkeypatch)["test_it_buys_in_a_rising_market"]
    test(synthetic_bars("rising"))
