"""Texts use the terms that readers know."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from user_texts import REVIEWED, collected_texts

ROOT = Path(__file__).parents[2]
TEXTS = ("README.md", "CONTRIBUTING.md", "docs", "core", "executors", "strategies", "examples")
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

WORDS_OF_OTHERS = ('"cancelled" not in self.reason',)
"""Parts of lines that quote another program, here CloudFormation."""

ADVICE = "Read the changed texts as a user would, then run `PYTHONPATH=tests python -m user_texts`:"


def _texts() -> list[Path]:
    paths = [ROOT / name for name in TEXTS]
    files = [path for path in paths if path.is_file()]
    files += [file for path in paths if path.is_dir() for file in path.rglob("*")]
    return sorted(file for file in files if file.suffix in SUFFIXES)


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
