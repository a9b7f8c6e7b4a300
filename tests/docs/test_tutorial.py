"""Tutorials: every command in them is run, and prints what the page shows."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("your-first-factor.md", "is-it-luck.md", "backtrader.md")
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)
RUN = re.compile(r"\b[0-9a-f]{16}\b")
# Resampling is seeded by the run's id, which depends on versions and code.
INTERVAL = re.compile(r"(?<=interval of the Sharpe ratio per year is )-?[\d.]+ to -?[\d.]+(?=\.)")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass
class Reader:
    """Somebody who follows the page: types its commands, writes its files."""

    folder: Path
    environment: dict[str, str]
    pip_install: Callable[..., None]
    run = ""

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def type(self, command: str) -> str:
        """Run a command and return what it prints."""
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return ""
        if command.startswith("pip install"):
            self.pip_install("-e", self.folder)
            return ""
        done = subprocess.run(
            RUN.sub(self.run, command.replace("RUN", self.run)) if self.run else command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        match = RUN.search(done.stdout)
        self.run = self.run or (match[0] if match else "")
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path, fresh_python: Path, pip_install: Callable[..., None]) -> Reader:
    command = fresh_python.parent / "backfleet"
    command.write_text(f'#!/bin/sh\nexec "{fresh_python}" -P -m backfleet "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}"}
    return Reader(tmp_path, environment, pip_install)


def steps(page: str) -> Iterator[tuple[str, str, str]]:
    """(`write`, file, text) and (`type`, command, what it prints), in the order of the page."""
    for kind, title, text in BLOCK.findall((DOCS / page).read_text()):
        if title:
            yield "write", title, text
        elif kind == "console":
            for part in text.removeprefix("$ ").split("\n$ "):
                command, _, printed = part.partition("\n")
                yield "type", command, printed


def test_pages_have_commands_and_files() -> None:
    kinds = {page: [kind for kind, *_ in steps(page)] for page in PAGES}
    assert [kinds[page].count("type") for page in PAGES] == [10, 4, 3]
    assert [kinds[page].count("write") for page in PAGES] == [2, 4, 1]


def without_run(text: str) -> str:
    """Return a text without what differs between runs of other ids."""
    return INTERVAL.sub("INTERVAL", RUN.sub("RUN", text))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_prints_what_the_page_shows(page: str, reader: Reader) -> None:
    checker = doctest.OutputChecker()
    for kind, name, text in steps(page):
        if kind == "write":
            reader.write(name, text)
            continue
        printed, expected = map(without_run, (reader.type(name), text))
        assert checker.check_output(expected, printed, FLAGS), f"$ {name}\n{printed}"
