"""Collects the texts that users read: of the command line, of messages and of pages.

`PYTHONPATH=tests python -m user_texts` writes them to the reviewed file, so that a change of words
is seen in review.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

__all__ = ["REVIEWED", "collected_texts"]

ROOT = Path(__file__).parents[1]
REVIEWED = Path(__file__).with_name("user_texts.txt")
PACKAGES = ("core/backfleet", "executors/backfleet_executors")
NOT_FOR_USERS = ("core/backfleet/testing/", "core/backfleet/scaffold/")
"""Checks for authors of plugins, and files that `backfleet new` copies."""

COMMANDS = {"command", "group"}
READ_ATTRIBUTES = {"title", "placeholder", "aria-label", "alt"}
WORDS = re.compile(r"[A-Za-z]{2,}[,.:;)]* +[({]*[A-Za-z{]")
CODE = re.compile(
    r"^\s*(SELECT|WITH|CREATE|SET|FROM|WHERE|ORDER BY|COPY|INSERT)\b|[;{]\s*$|=>|\(\?|<t[drh]\b",
    re.IGNORECASE,
)
"""SQL, scripts, regular expressions and markup, which are no texts."""


def collected_texts() -> str:
    """Return the texts of all files, in the order in which the files hold them.

    `{}` stands for what the program fills in.
    """
    sections = []
    for file in _files():
        texts = list(dict.fromkeys(_texts(file)))
        if texts:
            sections.append("\n".join([f"== {file.relative_to(ROOT).as_posix()}", *texts]))
    return "\n\n".join(sections) + "\n"


def _files() -> Iterator[Path]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*")):
            is_bundled = file.name.endswith(".min.js")
            if file.suffix not in (".py", ".html", ".js") or is_bundled:
                continue
            if not file.relative_to(ROOT).as_posix().startswith(NOT_FOR_USERS):
                yield file


def _texts(file: Path) -> Iterator[str]:
    source = file.read_text(encoding="utf-8")
    readers = {".py": _python_texts, ".html": _page_texts, ".js": _script_texts}
    for text in readers[file.suffix](source):
        line = " ".join(text.split())
        if WORDS.search(line) and not CODE.search(line):
            yield line


def _python_texts(source: str) -> Iterator[str]:
    return _strings(ast.parse(source))


def _strings(node: ast.AST) -> Iterator[str]:
    """Yield the strings below a node, and of the docstrings only those that are help texts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
        return
    if isinstance(node, ast.JoinedStr):
        parts = node.values
        yield "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in parts)
        return
    if isinstance(node, ast.FunctionDef) and _is_command(node):
        yield ast.get_docstring(node) or ""
    for child in ast.iter_child_nodes(node):
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not is_docstring:
            yield from _strings(child)


def _is_command(function: ast.FunctionDef) -> bool:
    calls = (item.func if isinstance(item, ast.Call) else item for item in function.decorator_list)
    return any(isinstance(call, ast.Attribute) and call.attr in COMMANDS for call in calls)


class _Page(HTMLParser):
    """The texts of a page, without those of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        self._is_code = tag in ("script", "style")
        self.texts += [value for name, value in attrs if name in READ_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.texts.append(data)


def _page_texts(source: str) -> Iterator[str]:
    template = re.sub(r"{#.*?#}|{%.*?%}", " ", source, flags=re.DOTALL)
    page = _Page()
    page.feed(re.sub(r"{{.*?}}", "{}", template, flags=re.DOTALL))
    yield from page.texts


def _script_texts(source: str) -> Iterator[str]:
    code = re.sub(r"^\s*//.*$|/\*.*?\*/", "", source, flags=re.DOTALL | re.MULTILINE)
    for match in re.finditer(r"\"([^\"\n]*)\"|'([^'\n]*)'|`([^`]*)`", code):
        (text,) = (group for group in match.groups() if group is not None)
        yield re.sub(r"\$\{[^}]*\}", "{}", text)


if __name__ == "__main__":
    REVIEWED.write_text(collected_texts(), encoding="utf-8")
