"""`backfleet` and `python -m backfleet`."""

from __future__ import annotations

from typing import Any

from backfleet.current_directory import leave_current_directory

__all__ = ["main"]


def main() -> Any:
    """Run the command line without the current directory on `sys.path`."""
    # Before anything else is imported.
    leave_current_directory()
    from backfleet.cli import main

    return main()


if __name__ == "__main__":
    main()
