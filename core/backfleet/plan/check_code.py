"""Whether the code found here is the code that a run was planned with."""

from __future__ import annotations

from itertools import chain

from backfleet.code.hashes import plugin_closure, strategy_closure
from backfleet.code.listings import differing_files
from backfleet.code.run_code import RunCode
from backfleet.errors import PluginError
from backfleet.plan.code_differences import component_differences, platform_differences
from backfleet.plan.identity import Identity
from backfleet.plugins import find_plugin
from backfleet.strategy_reference import StrategyReference

__all__ = ["check_code"]

MAX_NAMED = 5


def check_code(identity: Identity, strategy: StrategyReference) -> RunCode:
    """Return the code found here, other than backfleet's own.

    Raises PluginError if it differs from the code of the plan.
    """
    differences = chain(platform_differences(identity), component_differences(identity, strategy))
    for difference in differences:
        files = differing_files(difference.planned, difference.here)
        more = f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""
        named = f"; these files differ: {', '.join(files[:MAX_NAMED])}{more}" if files else ""
        raise PluginError(f"{difference}{named}; run the job again to plan a new run")
    # No difference is left, so every component of the plan is found.
    targets = (find_plugin(kind, plugin.name).target for kind, plugin in identity.components())
    return RunCode.of([strategy_closure(strategy), *map(plugin_closure, targets)])
