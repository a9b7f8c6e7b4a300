"""A function is called in forked processes as it would be in this one."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backfleet.errors import DataError, UserError
from backfleet.sources.forked_map import map_forked


@pytest.fixture(autouse=True)
def no_process_remains() -> Iterator[None]:
    """Fail if a test leaves a process behind."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()
    yield
    assert children.read_text() == before


def test_results_come_in_order_from_several_processes() -> None:
    items = list(range(500))
    results = list(map_forked(lambda item: (item * item, os.getpid()), items, 3))
    assert [square for square, _ in results] == [item * item for item in items]
    assert os.getpid() not in {pid for _, pid in results}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_items_are_enough(count: int) -> None:
    assert list(map_forked(str, range(count), 4)) == [str(item) for item in range(count)]


def test_errors_keep_their_type_and_say_where_they_were_raised() -> None:
    def fail(item: int) -> int:
        if item == 7:
            raise DataError("S7.csv: bad row")
        return item

    with pytest.raises(DataError, match="bad row") as raised:
        list(map_forked(fail, range(20), 2))
    assert "in fail" in raised.value.__notes__[0]


def test_a_warning_of_several_processes_is_shown_once() -> None:
    def warn(item: int) -> int:
        warnings.warn("the cache cannot be written to", UserWarning, stacklevel=1)
        return item

    with pytest.warns(UserWarning, match="cannot be written") as shown:
        assert list(map_forked(warn, range(20), 2)) == list(range(20))
    assert len(shown) == 1


def test_killed_process_is_one_clear_error() -> None:
    def die(item: int) -> int:
        if item == 11:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(UserError, match=r"was ended by signal 9 \(SIGKILL\)"):
        list(map_forked(die, range(20), 2))


def test_killed_process_that_somebody_else_waited_for_is_an_error_too() -> None:
    def die(item: int) -> int:
        if item == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    # The kernel itself waits for the children then.
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(UserError, match="ended before it sent its results"):
            list(map_forked(die, range(20), 2))
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_processes_finish_their_block_and_end_if_nobody_wants_more(tmp_path: Path) -> None:
    def write(item: int) -> int:
        (tmp_path / f"{item}").write_bytes(bytes(100_000))
        return item

    results: Any = map_forked(write, range(2000), 2)
    assert next(results) == 0
    results.close()
    written = list(tmp_path.iterdir())
    assert 0 < len(written) < 2000
    assert {file.stat().st_size for file in written} == {100_000}


def test_interrupts_are_for_the_parent() -> None:
    def interrupt(item: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return item

    assert list(map_forked(interrupt, range(20), 2)) == list(range(20))
