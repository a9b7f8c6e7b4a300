"""The commands, and the modules of their code."""

from __future__ import annotations

import ast
import difflib
import importlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from backfleet.current_directory import installed_path

__all__ = ["COMMANDS", "LazyGroup", "PluginGroup", "SuggestingGroup", "load_command"]

COMMANDS = {
    # In the order of `--help`, which is the order of a first use. The second text stands here
    # because reading it from a docstring would import the command.
    "demo": ("backfleet.cli.demo:demo", "Run the sample job on the sample data."),
    "run": ("backfleet.cli.run:run", "Run a job."),
    "runs": ("backfleet.cli.run_listing:runs", "List, remove and tag the runs of a store."),
    "trials": (
        "backfleet.cli.trials:trials",
        "Count the points that were ever run, and declare more.",
    ),
    "status": ("backfleet.cli.runs:status", "Show the state and progress of a run."),
    "wait": ("backfleet.cli.runs:wait", "Wait until a run has ended."),
    "resume": ("backfleet.cli.runs:resume", "Compute the missing tasks of a run."),
    "cancel": ("backfleet.cli.runs:cancel", "Stop a run's workers."),
    "logs": ("backfleet.cli.runs:logs", "Show what tasks and workers have printed."),
    "results": ("backfleet.cli.results:results", "Show a run's results, one row per task."),
    "verdict": (
        "backfleet.cli.verdict:verdict",
        "Say whether the best is more than luck.",
    ),
    "folds": (
        "backfleet.cli.folds:folds",
        "Choose points in training windows and test them afterwards.",
    ),
    "report": ("backfleet.cli.report:report", "Write a page of HTML with a run's results."),
    "serve": ("backfleet.cli.serve:serve", "Serve a local page over the runs of a store."),
    "compare": ("backfleet.cli.compare:compare", "Compare two runs side by side."),
    "verify": (
        "backfleet.cli.verify:verify",
        "Run tasks again and compare them with the stored ones.",
    ),
    "ablate": (
        "backfleet.cli.ablate:ablate",
        "Show what each rule of a run's market costs.",
    ),
    "debug": ("backfleet.cli.debug:debug", "Run one task in this process."),
    "compact": (
        "backfleet.cli.compact:compact_command",
        "Write the files with all rows of a complete run.",
    ),
    "export": ("backfleet.cli.bundle:export", "Write a run into one file, to share it."),
    "import": ("backfleet.cli.bundle:import_", "Add an exported run to a store."),
    "strategies": ("backfleet.cli.plugins:strategies", "List the installed strategies."),
    "adopt": ("backfleet.cli.adopt:adopt", "Turn a backtrader script into a job."),
    "new": ("backfleet.cli.new:new", "Create a package with a strategy of your own."),
    "check": (
        "backfleet.cli.check:check",
        "Check a strategy for look-ahead bias and other faults.",
    ),
    "plugins": ("backfleet.cli.plugins:plugins", "List what is installed, and what fails to load."),
    "markets": (
        "backfleet.cli.markets:markets",
        "List the markets, and show which rules held on a day.",
    ),
    "data": ("backfleet.cli.data:data", "Check, import, list and push files of bars."),
    "doctor": ("backfleet.cli.doctor:doctor", "Diagnose the installation and the executors."),
    "worker": ("backfleet.cli.worker:worker", "Run a shard of a submission; executors call it."),
}
"""Name to the `module:attribute` of the command, and its line in `--help`."""

GROUP = "backfleet.commands"
OWN = "backfleet"


class SuggestingGroup(click.Group):
    """A group that suggests another command for an unknown one.

    Parameters
    ----------
    otherwise
        The suggestion if no name of a command is near, with {} for what was typed.
    """

    def __init__(self, *args: Any, otherwise: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._otherwise = otherwise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # click's own error has no suggestion.
        if self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            suggested = repr(near[0]) if near else self._otherwise.format(shlex.quote(args[0]))
            hint = f" Did you mean {suggested}?" if suggested else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


class PluginGroup(SuggestingGroup):
    """A group to which plugins add commands, which are imported when they are called.

    Parameters
    ----------
    prefix
        Begins the names of the plugins' commands: `data.push` is `backfleet data push`.
    """

    def __init__(self, *args: Any, prefix: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        # Own commands first: a plugin can add to a group but not replace what it has.
        return [*super().list_commands(ctx), *sorted(self._of_plugins())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None and cmd_name in self._of_plugins():
            return load_command(self._prefix + cmd_name)
        return command

    def _of_plugins(self) -> dict[str, set[Origin]]:
        """Return the origins of the plugins' commands by name, without the prefix."""
        names = {
            name.removeprefix(self._prefix): origins
            for name, origins in _commands_of_plugins().items()
            if name.startswith(self._prefix)
        }
        # A name with a dot belongs to a group inside this one.
        return {name: origins for name, origins in names.items() if "." not in name}


class LazyGroup(PluginGroup):
    """The group of all commands. It imports a command when it is called; listing imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        # Backfleet's own names win without looking at plugins, which takes longer.
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, line) for name, (_, line) in COMMANDS.items()]
        for name, origins in sorted(self._of_plugins().items()):
            rows.append((name, _line_of(origins)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def load_command(name: str) -> click.Command:
    """Import the command of a plugin. Raises UnknownPlugin, PluginError."""
    from backfleet.errors import PluginError
    from backfleet.plugins import load_plugin

    command = load_plugin("command", name)
    if not isinstance(command, click.Command):
        raise PluginError(f"command {name!r} is {command!r}, which is not a click command")
    return command


@dataclass(frozen=True, order=True)
class Origin:
    """The distribution that brings a command, and the `module:attribute` of the command."""

    distribution: str
    target: str


def _commands_of_plugins() -> dict[str, set[Origin]]:
    """Return the origins of the plugins' commands by name."""
    # importlib.metadata would make `--help` take several times as long, so the files are read here.
    origins_by_name: dict[str, set[Origin]] = {}
    for folder in map(Path, installed_path()):
        for file in folder.glob("*.dist-info/entry_points.txt"):
            for name, origin in _commands_in(file):
                origins_by_name.setdefault(name, set()).add(origin)
    # A plugin that claims the name of one of backfleet's own commands is never called.
    return {name: origins for name, origins in origins_by_name.items() if name not in COMMANDS}


def _commands_in(entry_points: Path) -> Iterator[tuple[str, Origin]]:
    """Yield the commands in the metadata of a distribution, after which the folder is named."""
    text = entry_points.read_text(encoding="utf-8", errors="replace")
    # An ini file. Splitting its lines suffices for what packaging tools write, and takes less time
    # than configparser.
    _, title, group = text.partition(f"[{GROUP}]\n")
    if not title:
        return
    # The folder is called `name-version.dist-info`, with `_` for `-` in the name.
    distribution = entry_points.parent.name.partition("-")[0].replace("_", "-")
    for line in group.partition("\n[")[0].splitlines():
        name, equals, target = line.partition("=")
        if equals:
            yield name.strip(), Origin(distribution, target.strip())


def _line_of(origins: set[Origin]) -> str:
    """Return the line of a plugin's command in `--help`, with the name of its package."""
    names = " and ".join(sorted({origin.distribution for origin in origins}))
    # Two packages claim the name; calling it raises an error that names both.
    if len(origins) > 1:
        return f"From {names}."
    (origin,) = origins
    line = _first_line(origin.target)
    if origin.distribution == OWN:
        return line or f"From {names}."
    return f"{line} (from {names})" if line else f"From {names}."


def _first_line(target: str) -> str:
    """Return the first line of a command's docstring, read without importing its module."""
    module, _, name = target.partition(":")
    path = module.replace(".", "/") + ".py"
    # A package that is installed in another way, such as by an import hook, gets no description.
    file = next(filter(Path.is_file, (Path(folder, path) for folder in installed_path())), None)
    if file is None:
        return ""
    try:
        body = ast.parse(file.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return ""
    named = (node for node in body if isinstance(node, ast.FunctionDef) and node.name == name)
    return next(((ast.get_docstring(node) or "").partition("\n")[0] for node in named), "")
