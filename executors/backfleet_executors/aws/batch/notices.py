"""Saying what the executor has decided, once, on standard error."""

from __future__ import annotations

import sys
from functools import cache

__all__ = ["say"]


@cache
def say(text: str) -> None:
    """Print a sentence, unless this process has said it before."""
    # Standard output is for results that other programs read.
    print(f"backfleet: {text}", file=sys.stderr, flush=True)
