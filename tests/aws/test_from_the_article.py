"""Every command that the pages on AWS, data and the article name is there, as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from backfleet.cli import cli

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("from-the-article.md", "data.md", "aws.md", "aws-batch.md", "limits.md", "docker.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```$|^    (backfleet .*?)$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(backfleet [^`…]+)`")
PLACEHOLDER = re.compile(r"(?<= )N(?= |$)")
"""Of a number."""


def commands(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = "\n".join(block or line for block, line in BLOCK.findall(text)).splitlines()
    typed = [line.split("#")[0].split(">")[0].strip() for line in lines]
    named = [" ".join(command.split()) for command in INLINE.findall(BLOCK.sub("", text))]
    called = [line for line in typed if line.startswith("backfleet ")] + named
    return [PLACEHOLDER.sub("0", command) for command in dict.fromkeys(called)]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_in_the_docs_can_be_called_so(page: str) -> None:
    typed = commands(page)
    assert typed
    for command in typed:
        words = shlex.split(command)[1:]
        place: click.Command = cli
        while isinstance(place, click.Group) and words:
            name = words.pop(0)
            inner = place.get_command(click.Context(place), name)
            assert inner is not None, f"docs/{page}: there is no command {name!r}"
            place = inner
        # A text that only names a command leaves its arguments out.
        if words:
            # Raises where an argument lacks or an option is unknown; calls nothing.
            place.make_context(command, words)
