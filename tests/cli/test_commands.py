"""The command line as a whole: its help, and what it costs to ask for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import click
import pytest

from backfleet.cli import cli
from backfleet.cli.commands import COMMANDS, LazyGroup
from workshop import Ask

Cli = Callable[..., subprocess.CompletedProcess[str]]

HEAVY = (
    "numpy", "pandas", "backtrader", "numba", "boto3", "pydantic", "pyarrow", "duckdb", "rich",
    "importlib.metadata",
)  # fmt: skip

WIDTH = 80


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["nonsense"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = [name for name in HEAVY if name != "importlib.metadata" or arguments == ["--help"]]
    code = f"""
import sys
sys.argv = ["backfleet", *{arguments!r}]
from backfleet.cli import main
try:
    main()
except SystemExit:
    pass
print(sorted(set({heavy!r}) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_command_with_a_line(ask: Ask) -> None:
    text = ask("--help").out
    for name, (_, line) in COMMANDS.items():
        assert f"  {name}" in text
        assert line in text
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_options(ask: Ask, name: str) -> None:
    answer = ask(f"{name} --help")
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= WIDTH
    assert isinstance(cli, LazyGroup)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.opts[0] in answer.out


def test_the_version_is_that_of_the_package(ask: Ask) -> None:
    from importlib.metadata import version

    assert ask("--version").out == f"backfleet {version('backfleet')}\n"


COMMAND = '''
raise RuntimeError("imported, only to be listed")

def greet():
    """Say hello.

    At length.
    """
'''


def test_help_has_the_first_line_of_a_plugins_command_and_whose_it_is(
    backfleet: Cli, installed: Callable[..., dict[str, str]]
) -> None:
    points = {"backfleet.commands": {"greet": "acme.greeting:greet", "lost": "acme.nowhere:lost"}}
    env = installed("acme-tools", {"acme/greeting.py": COMMAND}, points)
    lines = [" ".join(line.split()) for line in backfleet("--help", env=env).stdout.splitlines()]
    assert "greet Say hello. (from acme-tools)" in lines
    assert "lost From acme-tools." in lines


def test_help_does_not_say_whose_the_commands_are_that_come_along(ask: Ask) -> None:
    assert "From backfleet" not in ask("--help").out


def test_a_plugin_adds_a_command_to_a_group(
    backfleet: Cli, installed: Callable[..., dict[str, str]]
) -> None:
    code = "import click\n\n@click.command()\ndef greet():\n    click.echo('hello')\n"
    points = {"backfleet.commands": {"data.greet": "acme.greeting:greet"}}
    env = installed("acme-tools", {"acme/greeting.py": code}, points)

    assert backfleet("data", "greet", env=env).stdout == "hello\n"
    assert "greet" in backfleet("data", "--help", env=env).stdout
    assert "greet" not in backfleet("--help", env=env).stdout
    assert backfleet("data.greet", env=env).returncode == 2


def test_data_has_the_commands_of_core_and_of_executors(ask: Ask) -> None:
    listed = ask("data --help").out
    assert all(f"\n  {name} " in listed for name in ("check", "import", "ls", "push"))


def test_no_line_about_a_command_is_cut() -> None:
    def groups(group: click.Group, name: str) -> Iterator[tuple[str, click.Group]]:
        yield name, group
        context = click.Context(group)
        for inner in group.list_commands(context):
            command = group.get_command(context, inner)
            if isinstance(command, click.Group):
                yield from groups(command, f"{name} {inner}")

    cut = [
        f"{name}: {line.strip()}"
        for name, group in groups(cli, "backfleet")
        for line in group.get_help(click.Context(group)).splitlines()
        if line.endswith("...") and not line.startswith("Usage: ")
    ]
    assert not cut
