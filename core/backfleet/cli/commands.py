"""Which commands there are, and where each one's code lies."""

from __future__ import annotations

import difflib
import importlib
import sys
from pathlib import Path

import click

__all__ = ["COMMANDS", "LazyGroup", "load_command"]

COMMANDS = {
    "demo": ("backfleet.cli.demo:demo", "Run the sample job on the sample data."),
    "run": ("backfleet.cli.run:run", "Run a job."),
    "runs": ("backfleet.cli.runs:runs", "List the runs of a store."),
    "status": ("backfleet.cli.runs:status", "Show how a run stands."),
    "wait": ("backfleet.cli.runs:wait", "Wait until a run has ended."),
    "resume": ("backfleet.cli.runs:resume", "Compute what a run still lacks."),
    "cancel": ("backfleet.cli.runs:cancel", "Stop a run's workers."),
    "logs": ("backfleet.cli.runs:logs", "Show what tasks and workers have printed."),
    "results": ("backfleet.cli.results:results", "Show a run's results, a row a task."),
    "report": ("backfleet.cli.report:report", "Write a page of HTML with a run's results."),
    "serve": ("backfleet.cli.serve:serve", "Serve a local page over the runs of a store."),
    "compare": ("backfleet.cli.compare:compare", "Compare two runs side by side."),
    "verify": ("backfleet.cli.verify:verify", "Run tasks again elsewhere and compare every bit."),
    "debug": ("backfleet.cli.debug:debug", "Run one task in this process."),
    "strategies": ("backfleet.cli.plugins:strategies", "List the installed strategies."),
    "new": ("backfleet.cli.new:new", "Make a package with a strategy of your own."),
    "check": ("backfleet.cli.check:check", "Check a strategy before it is swept."),
    "plugins": ("backfleet.cli.plugins:plugins", "List what is installed, and what fails to load."),
    "doctor": ("backfleet.cli.doctor:doctor", "Look at what works here, and what does not."),
    "worker": ("backfleet.cli.worker:worker", "Run a shard of a submission; executors call it."),
}
"""Name to where its command lies, and the line that `--help` shows of it."""

GROUP = "backfleet.commands"


class LazyGroup(click.Group):
    """Imports a command when it is called; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(_commands_of_plugins())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), name)
            return command
        return load_command(cmd_name) if cmd_name in _commands_of_plugins() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, line) for name, (_, line) in COMMANDS.items()]
        for name, owners in sorted(_commands_of_plugins().items()):
            rows.append((name, f"From {' and '.join(sorted(owners))}."))
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


def _commands_of_plugins() -> dict[str, set[str]]:
    """Command to the distributions that bring it, other than backfleet's own commands.

    importlib.metadata would double the time that `--help` takes, so it is asked only about what a
    look at the files finds.
    """
    found: dict[str, set[str]] = {}
    for folder in map(Path, sys.path):
        for file in folder.glob("*.dist-info/entry_points.txt"):
            if f"[{GROUP}]" in file.read_text(encoding="utf-8", errors="replace"):
                for name, owner in _commands_in(file.parent):
                    found.setdefault(name, set()).add(owner)
    return {name: owners for name, owners in found.items() if name not in COMMANDS}


def _commands_in(metadata: Path) -> list[tuple[str, str]]:
    from importlib.metadata import PathDistribution

    distribution = PathDistribution(metadata)
    points = distribution.entry_points.select(group=GROUP)
    return [(point.name, distribution.name) for point in points]
