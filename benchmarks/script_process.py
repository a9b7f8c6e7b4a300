"""One process of `scripts.py`: run a script with one of the two Cerebros and write what it did.

`python script_process.py SIDE REPORT SCRIPT [ARGUMENT ...]`. SIDE is `stock`, `fast`, or `none`,
which runs the script without looking. Plots are silent, and optimizations stay in this process.
Imports nothing that a script does not import anyway, so that its own start can be compared.
"""

from __future__ import annotations

import random
import sys
import time
from types import ModuleType
from typing import Any


def main() -> None:
    side, report, script, *arguments = sys.argv[1:]
    cerebro_class = _cerebro_of(side)
    # backtrader imports it anyway, and scripts draw from it.
    random.seed(0)
    runs: list[dict[str, Any]] = []
    _watch(cerebro_class, runs)
    sys.argv = [script, *arguments]
    sys.path[0] = script.rpartition("/")[0] or "."
    module = ModuleType("__main__")
    module.__dict__.update(__file__=script, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    try:
        with open(script, "rb") as file:
            code = compile(file.read(), script, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    finally:
        with open(report, "w", encoding="utf-8") as output:
            output.write(repr(runs))


def _cerebro_of(side: str) -> Any:
    import backtrader

    if side == "fast":
        import backfleet

        # Scripts name it in both ways.
        backtrader.Cerebro = backtrader.cerebro.Cerebro = backfleet.Cerebro
    return backtrader.Cerebro


def _watch(cerebro_class: Any, runs: list[dict[str, Any]]) -> None:
    run = cerebro_class.run

    def watched(self: Any, *arguments: Any, **settings: Any) -> Any:
        began = time.process_time()
        try:
            return run(self, *arguments, **{**settings, "maxcpus": 1})
        finally:
            seconds = time.process_time() - began
            runs.append({"seconds": seconds, **_facts(self)})

    cerebro_class.run = watched
    cerebro_class.plot = lambda *arguments, **settings: []


def _facts(cerebro: Any) -> dict[str, Any]:
    """The account and the feeds after a run."""
    broker = cerebro.broker
    return {
        "value": repr(broker.getvalue()),
        "cash": repr(broker.getcash()),
        "orders": len(getattr(broker, "orders", ())),
        "bars": [len(feed) for feed in cerebro.datas],
        "feeds": [_kinds(type(feed)) for feed in cerebro.datas],
        "fallback": getattr(cerebro, "fallback", None),
    }


def _kinds(cls: Any) -> list[str]:
    """A feed's class and those that it is derived from, as far as they are feeds."""
    return [base.__name__ for base in cls.__mro__ if base.__module__ != "builtins"]


if __name__ == "__main__":
    main()
