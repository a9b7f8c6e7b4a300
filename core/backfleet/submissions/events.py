"""Telling installed plugins what happens to a run; a plugin that fails is named and left out."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from backfleet.errors import PluginError, error_line
from backfleet.plugins import HOOKS, list_plugins, register

if TYPE_CHECKING:
    import pluggy

__all__ = ["PluginWarning", "emit"]


class PluginWarning(UserWarning):
    """A plugin that could not be told what happens; the run goes on without it."""


def emit(event: str, **facts: Any) -> None:
    """Call the hook `backfleet_<event>` of every installed plugin."""
    for plugin, manager in _listeners():
        hook = getattr(manager.hook, f"backfleet_{event}")
        try:
            # pluggy passes on the arguments that the plugin's function names.
            hook(**facts)
        except KeyboardInterrupt:
            raise
        # Also SystemExit: a plugin must not end the client.
        except BaseException as error:
            _warn(f"plugin {plugin!r} failed in backfleet_{event}: {error_line(error)}")


@cache
def _warn(message: str) -> None:
    """Warn, once: a plugin that fails at one chunk fails at all of them."""
    # Where warnings are made errors, this one must still not break the run.
    with warnings.catch_warnings():
        warnings.simplefilter("default", PluginWarning)
        warnings.warn(message, PluginWarning, stacklevel=3)


@cache
def _listeners() -> tuple[tuple[str, pluggy.PluginManager], ...]:
    listeners = []
    for plugin in list_plugins(HOOKS):
        try:
            listeners.append((plugin.name, register(plugin)))
        except PluginError as error:
            _warn(str(error))
    return tuple(listeners)
