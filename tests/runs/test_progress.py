"""Showing how a run goes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from backfleet.jit_cache import sole_compiler
from backfleet.results.chunk_index import Counts
from backfleet.runs import progress
from backfleet.runs.compiling import is_compiling
from backfleet.runs.progress import progress_on


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that progress sees: set its one element."""
    now = [1000.0]
    monkeypatch.setattr("backfleet.runs.progress.time.monotonic", lambda: now[0])
    return now


def test_plain_lines_come_at_the_start_now_and_then_and_at_the_end(clock: list[float]) -> None:
    stream = io.StringIO()
    with progress_on(stream, "abc", Counts(1000)) as show:
        for second, done in [(0, 100), (1, 110), (6, 160), (7, 170), (30, 400), (1000, 1000)]:
            clock[0] = 1000.0 + second
            show(Counts(1000, ok=done - 10, suspicious=8, error=2))
    assert stream.getvalue().splitlines() == [
        "run abc: 100 of 1,000 tasks; 2 failed, 8 suspicious",
        "run abc: 160 of 1,000 tasks, 10.0/s, about 84 s left; 2 failed, 8 suspicious",
        "run abc: 400 of 1,000 tasks, 10.0/s, about 60 s left; 2 failed, 8 suspicious",
        "run abc: 1,000 of 1,000 tasks, 0.9/s; 2 failed, 8 suspicious",
    ]


def test_tasks_in_parts_of_chunks_count_as_progress(clock: list[float]) -> None:
    stream = io.StringIO()
    with progress_on(stream, "abc", Counts(1000)) as show:
        show(Counts(1000, ok=100, in_parts=50))
        clock[0] += 10
        show(Counts(1000, ok=200, in_parts=150))
    assert stream.getvalue().splitlines() == [
        "run abc: 150 of 1,000 tasks",
        "run abc: 350 of 1,000 tasks, 20.0/s, about 32 s left",
    ]


def test_compiling_is_shown_and_is_no_part_of_the_speed(clock: list[float]) -> None:
    stream = io.StringIO()
    with progress_on(stream, "abc", Counts(1000), lambda: clock[0] < 1030) as show:
        for second, done in [(0, 0), (10, 0), (29, 0), (39, 100)]:
            clock[0] = 1000.0 + second
            show(Counts(1000, ok=done))
    compiling = "run abc: 0 of 1,000 tasks, compiling the engine, which is kept for later runs"
    assert stream.getvalue().splitlines() == [
        *[compiling] * 3,
        "run abc: 100 of 1,000 tasks, 10.0/s, about 90 s left",
    ]


def test_compiling_lasts_while_a_process_holds_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not is_compiling()
    with sole_compiler(tmp_path / "digest"):
        assert is_compiling()
    assert not is_compiling()


@pytest.mark.parametrize(
    ("rate", "words"),
    [(1000, "about 1 s left"), (1, "about 15 min left"), (0.1, "about 2.5 h left")],
)
def test_the_time_left_is_said_in_a_fitting_unit(
    clock: list[float], rate: float, words: str
) -> None:
    stream = io.StringIO()
    with progress_on(stream, "abc", Counts(1000)) as show:
        show(Counts(1000))
        clock[0] += 100 / rate + 0.001 * (rate == 1000)
        clock[0] += progress.LINE_SECONDS if rate == 1000 else 0
        show(Counts(1000, ok=100 if rate < 1000 else 990))
    assert words in stream.getvalue()


def test_without_a_stream_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_on(None, "abc", Counts(10)) as show:
        show(Counts(10, ok=10))
    assert capfd.readouterr() == ("", "")
