"""A real Chromium for the tests; see README.md."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 60_000
"""Milliseconds that a page may take for anything."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium with a fresh profile."""
    if importlib.util.find_spec("playwright") is None:
        _cannot_be_had("playwright is missing: pip install -e '.[dev]'")
    program = shutil.which("chromium")
    if program is None:
        _cannot_be_had("there is no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page in a profile of its own; further arguments are those of a browser context.

    The test fails where any page wrote an error to its console.
    """
    errors: list[str] = []
    contexts = []

    def call(url: str, **options: object) -> Page:
        context = chromium.new_context(**options)  # handed through
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: _keep_error(message.type, message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    def _keep_error(kind: str, text: str) -> None:
        if kind == "error":
            errors.append(text)

    yield call
    for context in contexts:
        context.close()
    assert not errors


def _cannot_be_had(reason: str) -> NoReturn:
    if os.environ.get("BACKFLEET_TESTBED") == "required":
        pytest.fail(f"the testbed is required here: {reason}")
    pytest.skip(reason)
