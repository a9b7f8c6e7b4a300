"""A push that takes long says how far it is, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest

from backfleet_executors.aws.data.progress import amount, push_progress
from backfleet_executors.aws.data.push import Pushing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    with push_progress(stream) as watch:
        watch(Pushing(0, 5000, 0))
        watch(Pushing(1200, 5000, 3_400_000))
        watch(Pushing(1300, 5000, 3_500_000))
    assert stream.getvalue() == "data: 1,200 of 5,000 files, 3.4 MB sent\n"


def test_a_terminal_has_a_bar_that_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with push_progress(stream) as watch:
        watch(Pushing(3, 7, 2048))
    assert "3/7" in stream.getvalue()
    assert "2.0 kB sent" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2_345_678, "2.3 MB"),
        (10**15, "1,000.0 TB"),
    ],
)
def test_amounts_are_readable(size: int, text: str) -> None:
    assert amount(size) == text
