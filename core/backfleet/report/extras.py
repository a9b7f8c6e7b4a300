"""Libraries that only an extra brings: one clear error where it is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from backfleet.errors import UserError

__all__ = ["REPORT", "SERVE", "require_extra"]

REPORT = ("jinja2", "plotly", "tomli_w")
SERVE = (*REPORT, "starlette", "uvicorn")


def require_extra(extra: str, modules: Sequence[str]) -> None:
    """Raise UserError where a module of an extra is not installed; imports none."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise UserError(
            f"{', '.join(missing)} {are} not installed, which backfleet {extra} needs; "
            f"pip install 'backfleet[{extra}]'"
        )
