"""Telling installed plugins what happens to a run; a plugin that fails is named and left out."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from backfleet.errors import PluginError
from backfleet.plugins import HOOKS, hook_manager, list_plugins, register

if TYPE_CHECKING:
    import pluggy

__all__ = ["emit"]


def emit(event: str, **facts: Any) -> None:
    """Call the hook `backfleet_<event>` of every installed plugin."""
    for plugin, manager in _listeners():
        hook = getattr(manager.hook, f"backfleet_{event}")
        try:
            hook(**facts)
        except Exception as error:
            warnings.warn(f"plugin {plugin!r} failed in {event}: {error!r}", stacklevel=2)


@cache
def _listeners() -> tuple[tuple[str, pluggy.PluginManager], ...]:
    found = []
    for plugin in list_plugins(HOOKS):
        manager = hook_manager()
        try:
            register(manager, plugin)
        except PluginError as error:
            warnings.warn(str(error), stacklevel=3)
        else:
            found.append((plugin.name, manager))
    return tuple(found)
