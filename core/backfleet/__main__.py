"""`backfleet` and `python -m backfleet`."""

from __future__ import annotations

import gc
from typing import Any

from backfleet.current_directory import leave_current_directory

__all__ = ["main"]

GC_THRESHOLD = 500_000
"""New objects after which Python looks for garbage; usually 700. A short run creates fewer."""


def main() -> Any:
    """Run the command line without the current directory on `sys.path`."""
    # Before anything else is imported.
    leave_current_directory()
    # A command imports hundreds of modules, and with the usual threshold the collector would
    # examine all that they define again and again.
    gc.set_threshold(GC_THRESHOLD, 10, 10)
    # Imported here because a module-level import would run before the two settings above.
    from backfleet.cli import main

    return main()


if __name__ == "__main__":
    main()
