"""The hourly clean-up of a stack: a Lambda function, whose code the template carries."""

from __future__ import annotations

import ast
from importlib.resources import files

__all__ = ["source"]


def source() -> str:
    """The function's code, which stands alone: it imports boto3 and the standard library only.

    Without comments, docstrings and types of arguments, since a template may have 51,200 bytes.
    """
    tree = ast.parse(files(__package__).joinpath("function.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            # Safe, since each function has a statement besides its docstring.
            del node.body[0]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        # `unparse` leaves out comments by itself.
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree)
