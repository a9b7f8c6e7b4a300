"""Every command that the pages on data and on the article's procedure name is there, as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from backfleet.cli import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("from-the-article.md", "data.md")
WRITTEN = re.compile(r"`(backfleet [^`]+)`|^ *(backfleet [^#\n]+)", re.MULTILINE)


def commands(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [(inline or line).strip() for inline, line in WRITTEN.findall(text)]


@pytest.mark.parametrize(
    ("page", "command"), [(page, command) for page in PAGES for command in commands(page)]
)
def test_a_command_in_the_docs_can_be_called_so(page: str, command: str) -> None:
    words = shlex.split(command)[1:]
    place: click.Command = cli
    while isinstance(place, click.Group):
        name = words.pop(0)
        found = place.get_command(click.Context(place), name)
        assert found is not None, f"docs/{page}: there is no command {name!r}"
        place = found
    # Raises where an argument lacks or an option is unknown; calls nothing.
    place.make_context(command, words)
