"""Libraries that only an extra brings: one clear error if one is not installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from backfleet.errors import UserError, install_command

__all__ = ["EXTRAS", "Extra", "missing_extra", "require_extra"]


@dataclass(frozen=True)
class Extra:
    """An extra of the package: the modules that it brings, and what needs them, in words."""

    modules: Sequence[str]
    needed_by: str


_REPORT = ("jinja2", "plotly", "tomli_w")
EXTRAS: Mapping[str, Extra] = {
    "report": Extra(_REPORT, "'backfleet report', 'ablate --output' and 'Run.plot'"),
    "serve": Extra((*_REPORT, "starlette", "uvicorn"), "'backfleet serve'"),
    "docker": Extra(("docker",), "'backfleet image' and the executor docker"),
    "xlsx": Extra(("openpyxl",), "'backfleet data import' of Excel workbooks"),
}


def missing_extra(name: str) -> str:
    """Return what cannot run without an extra's missing modules; empty if none is missing.

    Imports none of them.
    """
    extra = EXTRAS[name]
    missing = [module for module in extra.modules if find_spec(module) is None]
    are = "is" if len(missing) == 1 else "are"
    without = f"cannot run without {', '.join(missing)}, which {are} not installed"
    return f"{extra.needed_by} {without}" if missing else ""


def require_extra(name: str) -> None:
    """Raise UserError if a module of an extra is not installed; imports none."""
    if problem := missing_extra(name):
        raise UserError(f"{problem}. Run {install_command(name)}")
