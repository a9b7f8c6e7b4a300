"""The code that a submission names: fetched from the store, verified, and unpacked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from backfleet.code.stored_code import read_stored_code
from backfleet.code.unpack import unpack
from backfleet.code.versions import platform_tag
from backfleet.errors import PluginError
from backfleet.store import Store
from backfleet.submission import StoredCode

__all__ = ["FetchedCode", "fetch_code", "search_first"]


@dataclass(frozen=True)
class FetchedCode:
    """The folders on this machine into which fetched code was unpacked.

    Attributes
    ----------
    paths
        First on `sys.path`, so that nothing that is installed here comes before it.
    folder
        That of a `file.py:Class` strategy, if it was fetched.
    """

    paths: Sequence[str] = ()
    folder: str | None = None

    @property
    def folders(self) -> Sequence[str]:
        """All folders, with that of the strategy first."""
        return [*([self.folder] if self.folder else []), *self.paths]


def fetch_code(store: Store, code: Sequence[StoredCode]) -> FetchedCode:
    """Fetch and unpack code from a run's store.

    Raises PluginError if it is missing, damaged, or compiled for another platform, ExecutorError,
    StoreError.
    """
    # Before anything is fetched: machine code of another platform is of no use.
    for package in code:
        if package.platform not in ("", platform_tag()):
            raise PluginError(
                f"{package.name} {package.version} holds machine code for {package.platform}; it "
                f"cannot run here, on {platform_tag()}"
            )
    folders = {
        package: str(unpack(read_stored_code(store, package), package.sha256)) for package in code
    }
    return FetchedCode(
        paths=[folder for package, folder in folders.items() if not package.is_folder],
        folder=next((folder for package, folder in folders.items() if package.is_folder), None),
    )


def search_first(paths: Sequence[str]) -> None:
    """Find modules, and the plugins that metadata name, in these folders before all others."""
    # In place, since other modules may hold the list itself.
    sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
