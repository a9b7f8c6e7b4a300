"""backtrader, imported without the warnings that compiling its sources gives."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # Its sources hold invalid escapes and an `is` with a literal; a user can do nothing about them.
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    import backtrader as bt

__all__ = ["bt"]
