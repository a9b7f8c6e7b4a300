"""Where the testbed keeps its engine, images and registry: outside the tree, kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["testbed_folder"]


def testbed_folder() -> Path:
    """`$BACKFLEET_TESTBED_DIR`, or `~/.cache/backfleet-testbed`."""
    given = os.environ.get("BACKFLEET_TESTBED_DIR")
    return Path(given) if given else Path.home() / ".cache" / "backfleet-testbed"
