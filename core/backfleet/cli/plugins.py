"""`backfleet plugins` and `backfleet strategies`: what is installed."""

from __future__ import annotations

import inspect
import re
from typing import Any

import click

from backfleet.cli.commands import COMMANDS, SuggestingGroup, load_command
from backfleet.cli.options import as_json, echo_json
from backfleet.cli.table import print_columns
from backfleet.errors import BackfleetError, PluginError
from backfleet.plugins import (
    Plugin,
    find_plugin,
    list_plugins,
    load_plugin,
    register,
    unknown_plugin,
)

__all__ = ["plugins", "strategies"]

ENTRY = re.compile(r"^(\w[\w, ]*)\n((?:    .*\n?)+)", re.M)
"""An attribute of a docstring, or several, and its meaning."""


@click.group(
    cls=SuggestingGroup, otherwise="'backfleet plugins show {}'", invoke_without_command=True
)
@as_json
@click.pass_context
def plugins(context: click.Context, as_json: bool) -> None:
    """List all plugins with the packages that bring them, and say which fail to load."""
    if context.invoked_subcommand is not None:
        return
    rows = [_facts(plugin) for plugin in list_plugins()]
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        # The last line of a traceback names the exception; `plugins show` has all of it.
        row["error"] = (row["error"] or "").strip().rpartition("\n")[2]
    _print(rows)


@plugins.command()
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show the origin, the settings and the faults of a plugin."""
    plugins = [plugin for plugin in list_plugins() if plugin.name == name]
    if not plugins:
        # Over all kinds, because the command does not ask for one.
        raise unknown_plugin("plugin", name, list_plugins())
    rows = [_facts(plugin) | {"settings": _settings(plugin)} for plugin in plugins]
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        for key in ("name", "kind", "target", "distribution", "version"):
            click.echo(f"{key:<14}{row[key]}")
        for setting in row["settings"]:
            click.echo(f"setting       {setting['name']} = {setting['default']}  {setting['doc']}")
        if row["error"]:
            click.echo(f"\n{row['error'].rstrip()}")


@click.command()
@as_json
def strategies(as_json: bool) -> None:
    """List the installed strategies with their parameters."""
    rows = [_strategy(plugin) for plugin in list_plugins("strategy")]
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']}  ({row['distribution']} {row['version']})")
        click.echo(f"    {row['error'] or row['doc']}")
        for parameter in row["parameters"]:
            values = ", ".join(parameter["choices"]) or parameter["type"]
            click.echo(f"    -p {parameter['name']}={parameter['default']}  {values}")


def _strategy(plugin: Plugin) -> dict[str, Any]:
    from backfleet.plan.describe import describe_strategy
    from backfleet.strategy import locate_strategy

    row: dict[str, Any] = {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "target": plugin.target,
        "doc": "",
        "parameters": [],
        "error": None,
    }
    try:
        description = describe_strategy(locate_strategy(plugin.name))
    except BackfleetError as error:
        return row | {"error": str(error)}
    parameters = [
        {
            "name": parameter.name,
            "type": parameter.kind,
            "default": parameter.default,
            "choices": list(parameter.choices),
        }
        for parameter in description.parameters
    ]
    return row | {"doc": description.doc, "parameters": parameters}


def _facts(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "kind": plugin.kind,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "target": plugin.target,
        # From cheap to expensive: only the second and third import the plugin.
        "error": _clash(plugin) or plugin.failure() or _misfit(plugin),
    }


def _clash(plugin: Plugin) -> str | None:
    if plugin.kind == "command" and plugin.name in COMMANDS:
        return f"command {plugin.name!r} is backfleet's own; this one is never called"
    try:
        find_plugin(plugin.kind, plugin.name)
    except PluginError as error:
        return str(error)
    return None


def _misfit(plugin: Plugin) -> str | None:
    """Why a plugin that can be imported cannot be used as what it says it is."""
    from backfleet.engine import Engine
    from backfleet.executor import Executor
    from backfleet.market import Market
    from backfleet.source import Source
    from backfleet.strategy import load_strategy, locate_strategy

    bases = {"engine": Engine, "executor": Executor, "source": Source, "market": Market}
    try:
        if plugin.kind == "strategy":
            load_strategy(locate_strategy(plugin.name))
        elif plugin.kind == "command":
            load_command(plugin.name)
        elif plugin.kind in bases:
            load_plugin(plugin.kind, plugin.name, bases[plugin.kind])
        else:
            # What remains are plugins with hooks. The manager is discarded.
            register(plugin)
    except BackfleetError as error:
        return str(error)
    return None


def _settings(plugin: Plugin) -> list[dict[str, Any]]:
    """An executor's settings, a source's options."""
    try:
        component = plugin.load()
    except PluginError:
        return []
    # Executors have `Settings`, sources have `Options`, and other plugins have neither.
    model = getattr(component, "Settings", None) or getattr(component, "Options", None)
    fields = getattr(model, "model_fields", {})
    meanings = _documented(model) if model else {}
    return [
        {
            "name": name,
            "default": "required" if field.is_required() else repr(field.default),
            "doc": field.description or meanings.get(name, ""),
        }
        for name, field in fields.items()
    ]


def _documented(model: type) -> dict[str, str]:
    """Return what the docstrings of a model and its bases say about each attribute."""
    meanings = {}
    # From the base to the class, so that a subclass can describe a setting in its own words.
    for cls in reversed(model.__mro__):
        # The part below the heading `Attributes` of a numpy-style docstring.
        text = inspect.cleandoc(cls.__doc__ or "").partition("----------\n")[2]
        for names, meaning in ENTRY.findall(text):
            for name in names.split(","):
                meanings[name.strip()] = " ".join(meaning.split())
    return meanings


def _print(rows: list[dict[str, Any]]) -> None:
    names = ["kind", "name", "distribution", "version", "error"]
    print_columns(names, [[str(row[name]) for row in rows] for name in names])
