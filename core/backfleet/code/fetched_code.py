"""The code that came along with a submission: fetched from the store, verified, and unpacked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from backfleet.code.stored_code import StoredCode
from backfleet.code.unpack import unpack
from backfleet.errors import CorruptObject
from backfleet.store import open_store

__all__ = ["FetchedCode", "fetch_code", "search_first"]


@dataclass(frozen=True)
class FetchedCode:
    """Where the code of a submission lies in this machine's scratch.

    Attributes
    ----------
    paths
        First on `sys.path`, so that nothing that is installed here comes before it.
    folder
        That of a `file.py:Class` strategy, if it came along.
    """

    paths: Sequence[str] = ()
    folder: str | None = None


def fetch_code(url: str) -> FetchedCode | None:
    """Fetch the code that the submission at `url` names; None where it runs with what is installed.

    Raises PluginError where it is missing or damaged, ExecutorError, StoreError, CorruptObject.
    """
    root, _, name = url.rpartition("/submissions/")
    store = open_store(root)
    content = store.read(f"submissions/{name}")
    try:
        named = json.loads(content).get("code")
        code = None if named is None else [StoredCode(**each) for each in named]
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptObject(f"{url}: the submission cannot be read: {error}") from error
    if code is None:
        return None
    folders = {each: str(unpack(each.read(store), each.sha256)) for each in code}
    return FetchedCode(
        paths=[folder for each, folder in folders.items() if not each.is_folder],
        folder=next((folder for each, folder in folders.items() if each.is_folder), None),
    )


def search_first(paths: Sequence[str]) -> None:
    """Find modules, and the plugins that metadata name, in these folders before all others."""
    sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
