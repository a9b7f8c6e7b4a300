"""The imports that a worker and its children have in common."""

from __future__ import annotations

__all__ = ["import_shared_modules"]


def import_shared_modules() -> None:
    """Import what tasks of every run need."""
    from backfleet.code.open_recorder import wrap_open

    # Before libraries are imported, which may keep `open` under names of their own.
    wrap_open()
    import backfleet.worker.builders
    import backfleet.worker.child
    import backfleet.worker.task  # noqa: F401
