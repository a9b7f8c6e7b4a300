"""Versions of what can change a number; they are part of a run's identity."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache

from backfleet.errors import PlatformMismatch

__all__ = ["check_versions", "library_versions", "platform_tag"]

DECISIVE = ("numpy", "pandas", "backtrader", "numba")


@cache
def library_versions() -> Mapping[str, str]:
    """Python's minor version and the versions of the libraries that compute, as installed here."""
    # Imported here, because most commands never ask for versions.
    from importlib.metadata import version

    here = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    return here | {name: version(name) for name in DECISIVE}


def platform_tag() -> str:
    """Return the wheel tag of machine code for this interpreter and this machine."""
    import sysconfig

    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"{python}-{python}-{machine}"


def check_versions(planned: Mapping[str, str]) -> None:
    """Raise PlatformMismatch if this process has other versions than the run's plan."""
    here = library_versions()
    differing = [
        f"{name} {here.get(name, 'missing')} instead of {version}"
        for name, version in planned.items()
        if here.get(name) != version
    ]
    if differing:
        raise PlatformMismatch(
            f"this worker has {', '.join(differing)}; the run was planned with the latter"
        )
