"""Unified diffs of code, bounded and safe on a terminal."""

from __future__ import annotations

from backfleet.code.source_diff import MAX_DIFF_LINES, diff_sources, printable_lines

NAMES = ("one", "two")


def test_only_files_that_differ_are_shown() -> None:
    first = {"same.py": b"x\n", "mine.py": b"a\nb\n", "gone.py": b"c\n"}
    second = {"same.py": b"x\n", "mine.py": b"a\nB\n", "new.py": b"d\n"}
    assert diff_sources(first, second, NAMES) == [
        *("--- one/gone.py", "+++ /dev/null", "@@ -1 +0,0 @@", "-c"),
        *("--- one/mine.py", "+++ two/mine.py", "@@ -1,2 +1,2 @@", " a", "-b", "+B"),
        *("--- /dev/null", "+++ two/new.py", "@@ -0,0 +1 @@", "+d"),
    ]


def test_binary_files_are_named_and_not_shown() -> None:
    for content in (b"\0", b"\xff", b"x" * 600_000):
        lines = diff_sources({"w.bin": b"1"}, {"w.bin": content}, NAMES)
        assert lines == ["--- one/w.bin", "+++ two/w.bin", "The files differ; they are not shown."]


def test_a_long_diff_is_cut() -> None:
    files = {f"f{i:04}.py": b"1\n" * 10 for i in range(MAX_DIFF_LINES)}
    lines = diff_sources({}, files, NAMES)
    assert len(lines) == MAX_DIFF_LINES + 1
    assert lines[-1] == "... the rest of the diff is left out"
    assert diff_sources({}, {"one.py": b"1\n" * MAX_DIFF_LINES}, NAMES)[-1] == lines[-1]


def test_control_codes_do_not_reach_the_terminal() -> None:
    assert list(printable_lines(["\ta\x1b[2Jb", "plain"])) == ["\ta\\x1b[2Jb", "plain"]
