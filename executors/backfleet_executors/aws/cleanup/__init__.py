"""The hourly clean-up of a stack: a Lambda function, whose code the template carries."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["source"]


def source() -> str:
    """The function's code, which stands alone: it imports boto3 and the standard library only."""
    return files(__package__).joinpath("function.py").read_text(encoding="utf-8")
