"""`PackageName`: the name of a new package, in each of its spellings, checked for clashes."""

from __future__ import annotations

import importlib.util
import keyword
import re
from dataclasses import dataclass

from backfleet.errors import UserError
from backfleet.plugins import list_plugins

__all__ = ["PackageName"]

_FORM = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_NAME_CHARS = 50


@dataclass(frozen=True)
class PackageName:
    """A name such as `my-factor`: of the package, the strategy in it, and the folder."""

    name: str

    @classmethod
    def of(cls, text: str) -> PackageName:
        """Return a checked name. Raises UserError if it is malformed or taken."""
        name = cls(text)
        if not _FORM.fullmatch(text) or len(text) > MAX_NAME_CHARS:
            raise UserError(
                f"{text!r} cannot be the name of a strategy. A name has lower-case letters, digits "
                f"and single hyphens, begins with a letter, and has at most {MAX_NAME_CHARS} "
                f"characters{_suggestion(text)}"
            )
        # Both spellings stand in code: `none` is a possible module, but its class would be `None`.
        if keyword.iskeyword(name.module) or keyword.iskeyword(name.class_name):
            raise UserError(
                f"{text!r} is a keyword of Python. Choose another name, such as {text}-factor"
            )
        # A job could not tell two strategies of one name apart.
        owners = [plugin for plugin in list_plugins("strategy") if plugin.name == text]
        if owners:
            raise UserError(
                f"a strategy {text!r} already exists, in {owners[0].distribution} "
                f"{owners[0].version}. Choose another name"
            )
        if _is_installed(name.module):
            raise UserError(
                f"a module {name.module!r} is already installed, and the new package would hide "
                f"it. Choose another name, such as {text}-factor"
            )
        return name

    @property
    def module(self) -> str:
        """The name of the module, such as `my_factor`."""
        return self.name.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The name of the class, such as `MyFactor`."""
        return "".join(part.capitalize() for part in self.name.split("-"))


def _is_installed(module: str) -> bool:
    """Whether there is such a module; a mere folder here, which Python would import, is none."""
    spec = importlib.util.find_spec(module)
    # A folder without `__init__.py` is a namespace package, which has no origin.
    return spec is not None and spec.origin is not None


def _suggestion(text: str) -> str:
    """Return a hint at the nearest valid name; empty if there is none."""
    # `MyFactor` becomes `my-factor`.
    with_hyphens = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()
    near = re.sub(r"[^a-z0-9]+", "-", with_hyphens).strip("-0123456789")[:MAX_NAME_CHARS].strip("-")
    return f"; did you mean {near!r}?" if _FORM.fullmatch(near) else ""
