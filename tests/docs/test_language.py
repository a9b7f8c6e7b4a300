"""Texts use the terms that readers know."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from user_texts import REVIEWED, collected_texts

ROOT = Path(__file__).parents[2]
TEXTS = ("README.md", "CONTRIBUTING.md", "docs", "core", "executors", "strategies", "examples")
CODE = ("core", "executors", "strategies", "examples", "benchmarks", "docs", "tests")
SUFFIXES = (".md", ".py", ".html", ".js", ".css", ".toml")

REJECTED = re.compile(
    r"\b(mend(s|ed|ing)?|aloud|anew|under way|c[ao]me along|let go of|taken apart|so many|"
    r"for (want|lack) of|none the worse|(is|are) told|comes to|planned otherwise|"
    r"(a row|a line|a table|one) a|"
    r"came of|goes on where|dear|made of|"
    r"neighbours?|colours?|behaviour|catalogue|centre|(un)?cancelled|labelled|"
    r"(summar|recogn|normal|serial|optim|organ|initial)is(e|es|ed|ing|ation))\b",
    re.IGNORECASE,
)
"""Private idioms, and British spellings."""

EMPTY_NAMES = {
    *("each", "found", "told", "wanted"),
    *("ENOUGH", "FEWEST", "LEAST", "LONGEST", "MOST", "PATIENCE", "USUAL"),
}
"""Names that say nothing of what they stand for, or of its unit."""

MAY_BIND = re.compile(rf"\b({'|'.join(EMPTY_NAMES)})(\s+in\b|\s*[,=:()])")
"""Text of a file that has to be parsed: parsing all of them takes seconds."""

WORDS_OF_OTHERS = ('"cancelled" not in self.reason',)
"""Parts of lines that quote another program, here CloudFormation."""

ADVICE = "Read the changed texts as a user would, then run `PYTHONPATH=tests python -m user_texts`:"


def _texts() -> list[Path]:
    paths = [ROOT / name for name in TEXTS]
    files = [path for path in paths if path.is_file()]
    files += [file for path in paths if path.is_dir() for file in path.rglob("*")]
    return sorted(file for file in files if file.suffix in SUFFIXES)


def _bound_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node binds, attributes and parameters included."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name


def test_every_name_says_what_it_stands_for() -> None:
    files = [file for top in CODE for file in sorted((ROOT / top).rglob("*.py"))]
    sources = {file: file.read_text(encoding="utf-8") for file in files}
    places = [
        f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {name}"
        for file, source in sources.items()
        if MAY_BIND.search(source)
        for node in ast.walk(ast.parse(source))
        for name in _bound_names(node)
        if name in EMPTY_NAMES
    ]
    assert not places, "\n".join(places)


def test_no_text_uses_a_rejected_word() -> None:
    lines = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in _texts()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if REJECTED.search(line) and not any(words in line for words in WORDS_OF_OTHERS)
    ]
    assert not lines, "\n".join(lines)


def test_the_texts_that_users_read_are_those_that_were_reviewed() -> None:
    reviewed = REVIEWED.read_text(encoding="utf-8").splitlines()
    now = collected_texts().splitlines()
    changes = "\n".join(difflib.unified_diff(reviewed, now, "reviewed", "now", lineterm=""))
    assert not changes, f"{ADVICE}\n{changes}"
