"""Finding plugins: named components through entry points, behavior through pluggy hooks.

A component is imported only when it is named. One that fails to import breaks nothing but its own
use: `backfleet plugins` shows its traceback.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from backfleet.current_directory import installed_path
from backfleet.errors import PluginError, UnknownPlugin, error_line

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

    import pluggy

__all__ = [
    "HOOKS",
    "KINDS",
    "Plugin",
    "find_plugin",
    "forget_plugins",
    "hook_manager",
    "list_plugins",
    "load_plugin",
    "register",
    "row_hooks",
    "unknown_plugin",
]

HOOKS = "hooks"
KINDS = {
    "strategy": "backfleet.strategies",
    "executor": "backfleet.executors",
    "engine": "backfleet.engines",
    "source": "backfleet.sources",
    "market": "backfleet.markets",
    "command": "backfleet.commands",
    HOOKS: "backfleet",
}
"""Kind of plugin to entry-point group."""


@dataclass(frozen=True)
class Plugin:
    """An entry point of an installed distribution.

    Attributes
    ----------
    target
        `module:attribute`.
    distribution, version
        Of the package that brings it.
    """

    kind: str
    name: str
    target: str
    distribution: str
    version: str

    def load(self) -> Any:
        """Import the plugin. Raises PluginError, whose cause is the error of the import."""
        from importlib import import_module

        module, _, attribute = self.target.partition(":")
        try:
            value: Any = import_module(module)
            for part in filter(None, attribute.split(".")):
                value = getattr(value, part)
        # Everything else counts as a failed import, also `sys.exit` at the top of a module.
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(
                f"{_noun(self.kind)} {self.name!r} of {self.distribution} {self.version} cannot be "
                f"imported: {error_line(error)}; "
                f"'backfleet plugins show {self.name}' has the traceback"
            ) from error
        return value

    def failure(self) -> str | None:
        """The traceback of an import that fails; None if it succeeds."""
        try:
            self.load()
        except PluginError as error:
            cause = error.__cause__ or error
            return "".join(traceback.format_exception(cause))
        return None


@cache
def _plugins_by_kind() -> Mapping[str, Sequence[Plugin]]:
    from importlib.metadata import entry_points

    # The search has no argument for a path that keeps its rule for equal names.
    before = list(sys.path)
    sys.path[:] = installed_path()
    try:
        # One search for all groups: it reads the entry points of every distribution.
        points = entry_points()
    finally:
        sys.path[:] = before
    return {kind: _plugins_of(kind, points.select(group=group)) for kind, group in KINDS.items()}


def _plugins_of(kind: str, points: Iterable[EntryPoint]) -> Sequence[Plugin]:
    # A set, because a distribution that two entries of `sys.path` lead to is listed twice.
    plugins = {_plugin(kind, point) for point in points}
    return sorted(plugins, key=lambda plugin: (plugin.name, plugin.distribution))


def forget_plugins() -> None:
    """Look for plugins again the next time: `sys.path` has changed."""
    _plugins_by_kind.cache_clear()
    _name_and_version.cache_clear()


def _plugin(kind: str, point: EntryPoint) -> Plugin:
    name, version = _name_and_version(point.dist)
    # The extras that an entry point may ask for, in brackets, are no part of its target.
    target = point.value.partition("[")[0].replace(" ", "")
    return Plugin(kind, point.name, target, name, version)


@cache
def _name_and_version(distribution: Distribution | None) -> tuple[str, str]:
    """Return both from the metadata of a distribution, which take long to parse."""
    if distribution is None:
        return "?", "?"
    # Broken metadata lack either; what they describe may still work.
    return distribution.name or "?", distribution.version or "?"


def list_plugins(kind: str | None = None) -> Sequence[Plugin]:
    """Return all plugins of one kind, or of every kind; nothing is imported."""
    kinds = [kind] if kind else list(KINDS)
    return [plugin for name in kinds for plugin in _plugins_by_kind()[name]]


def find_plugin(kind: str, name: str) -> Plugin:
    """Return the plugin of this name.

    Raises UnknownPlugin, and PluginError if two packages claim the name.
    """
    plugins = list_plugins(kind)
    claims = [plugin for plugin in plugins if plugin.name == name]
    if len(claims) > 1:
        owners = " and ".join(f"{claim.distribution} {claim.version}" for claim in claims)
        raise PluginError(f"{_noun(kind)} {name!r} is claimed by {owners}; uninstall one of them")
    if not claims:
        raise unknown_plugin(kind, name, plugins)
    return claims[0]


def unknown_plugin(kind: str, name: str, plugins: Sequence[Plugin]) -> UnknownPlugin:
    """Return the error for a name that none of `plugins` has."""
    from backfleet.job.job_errors import closest, suggestion

    names = {plugin.name for plugin in plugins}
    hint = suggestion(name, names) if names else "; none is installed"
    if closest(name, names) is None:
        hint += ". If a package brings it, install that package with pip"
    return UnknownPlugin(f"no {_noun(kind)} is named {name!r}{hint}")


def _noun(kind: str) -> str:
    """Return what one plugin of a kind is called in a sentence."""
    return "hook plugin" if kind == HOOKS else kind


def load_plugin(kind: str, name: str, base: type | None = None) -> Any:
    """Import the plugin of this name. Raises UnknownPlugin, PluginError."""
    plugin = find_plugin(kind, name)
    value = plugin.load()
    if base is not None and not (isinstance(value, type) and issubclass(value, base)):
        raise PluginError(
            f"{_noun(kind)} {name!r} of {plugin.distribution} {plugin.version} is {plugin.target}, "
            f"which is not a subclass of {base.__module__}.{base.__qualname__}"
        )
    # Otherwise the first use raises a TypeError without the name of the package.
    if missing := getattr(value, "__abstractmethods__", ()):
        raise PluginError(
            f"{_noun(kind)} {name!r} of {plugin.distribution} {plugin.version} is {plugin.target}, "
            f"which lacks {', '.join(sorted(missing))}"
        )
    return value


def hook_manager() -> pluggy.PluginManager:
    """Return a manager that knows backfleet's hooks and no plugin yet."""
    import pluggy

    from backfleet import hookspecs

    manager = pluggy.PluginManager("backfleet")
    manager.add_hookspecs(hookspecs.LifecycleHooks)
    manager.add_hookspecs(hookspecs.RowHooks)
    return manager


def row_hooks(names: Sequence[str]) -> Sequence[pluggy.PluginManager]:
    """Return the hooks of the plugins that a job names, one manager per plugin, in the job's order.

    Raises UnknownPlugin, PluginError.
    """
    # One manager each: within a manager, pluggy calls the plugin first that was registered last.
    return [register(find_plugin(HOOKS, name)) for name in names]


def register(plugin: Plugin) -> pluggy.PluginManager:
    """Return a manager of one plugin's hooks.

    Raises PluginError if the plugin cannot be imported, misnames a hook, or has an argument that
    the hook does not get.
    """
    import pluggy

    manager = hook_manager()
    value = plugin.load()
    owner = f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version}"
    try:
        manager.register(value, plugin.name)
        # pluggy ignores a method that is no known hook unless it is asked to check.
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{owner}: {error}{_hook_hint(manager, str(error))}") from error
    if not manager.get_hookcallers(value):
        raise PluginError(f"{owner}: {plugin.target} has no hook; mark one with backfleet.hookimpl")
    return manager


def _hook_hint(manager: pluggy.PluginManager, message: str) -> str:
    """Return the arguments of the hook that a message names, or the name nearest to an unknown."""
    from backfleet.job.job_errors import suggestion

    hooks = vars(manager.hook)
    known = [name for name, hook in hooks.items() if hook.has_spec()]
    if unknown := [name for name in hooks if name not in known]:
        return suggestion(unknown[0], known)
    named = [name for name in known if repr(name) in message]
    return "".join(f"; {name} has {', '.join(hooks[name].spec.argnames)}" for name in named)
