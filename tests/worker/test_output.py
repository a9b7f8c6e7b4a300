"""What tasks print is kept to a limit."""

from __future__ import annotations

import io
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from backfleet.worker.output import MAX_TASK_OUTPUT_BYTES, CappedWriter, read_output

CUT = "\n[output cut here]\n"


@given(st.lists(st.text(max_size=5)), st.integers(0, 20))
def test_a_capped_writer_keeps_the_beginning_and_says_where_it_cut(
    texts: list[str], limit: int
) -> None:
    target = io.StringIO()
    writer = CappedWriter(target, limit)
    whole = "".join(texts)

    assert [writer.write(text) for text in texts] == [len(text) for text in texts]
    assert target.getvalue() == whole[:limit] + (CUT if len(whole) > limit else "")


def test_a_capped_writer_begins_anew_after_a_reset() -> None:
    target = io.StringIO()
    writer = CappedWriter(target, 3)
    writer.write("abcd")
    writer.reset()
    writer.write("efg")

    assert target.getvalue() == f"abc{CUT}efg"


def test_a_file_that_was_written_to_directly_is_cut_too() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * MAX_TASK_OUTPUT_BYTES)
        file.flush()
        assert read_output(file.fileno()) == "x" * MAX_TASK_OUTPUT_BYTES
        file.write("é".encode() * 10)
        file.flush()
        assert read_output(file.fileno()) == "x" * MAX_TASK_OUTPUT_BYTES + CUT
