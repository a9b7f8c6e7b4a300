"""Odd values: as TOML, as text, and as the paths of files.

Commands may write to what a user names, and tests may run as root: no folder is named that could
be written to outside the folder of the case.
"""

from __future__ import annotations

import random

__all__ = ["AXES", "PATHS", "TEXTS", "TOML", "odd_toml"]

TEXTS = (
    "", " ", "\t", "\n", "a\nb", "\r", "x" * 300, "x" * 70_000, "0", "-1", "1e9", "nan", "inf",
    "true", "None",
    "*", "**", "?", "[", "[]", "[!a]", "[z-a]", "{", "}", "{0}", "%s", "%n", "$HOME", "$(id)",
    "`id`", ";", "&&",
    "|", "'", '"', "\\", "\\\\", "/proc/", "//sys", ".", "..", "../..", "-", "--", "--help", "=",
    "a=b", ",", ",,",
    ":", "::", ":::", "a:b", "a:b:c", "@", "#", "é", "名", "\u202egnp", "\u0000", "\x1b[31mred",
    "\ufeff", "\uffff",
    "\U0001f600", "a\u0301", "İ", "ß", "\u2028", "\x7f", "\x80", "con", "nul", "AAA", "AAA.csv",
    "aaa", "C-1",
    "local", "csv", "parquet", "cn-daily", "sma-crossover", "buy-and-hold", "2024-01-01",
    "9999-12-31",
    "5 min", "0 s", "1e400 s", "999999999999999 days", "2 GiB", "1 B", "0.000000001 KiB", "UTC",
    "Europe/Berlin",
)  # fmt: skip

PATHS = (
    "", ".", "..", "/proc", "//proc", "data", "data/", "./data", "data/AAA.csv", "data/AAA.csv/",
    "missing", "missing/", "~",
    "~/x", "~nosuch", "mine.py", "job.toml", "/dev/null", "/dev/zero", "/dev/full", "/dev/stdin",
    "/proc/self/mem",
    "/proc/self/fd/0", "/sys", "/proc/self", "fifo", "loop", "file://data", "s3://", "s3:///",
    "s3://bucket",
    "s3://bucket/", "s3://bucket/a/../b", "s3://Bucket_X/runs", "s3://b/c?d#e", "s3:/b",
    "S3://bucket/x",
    "s3://" + "b" * 100, "s3://bucket/" + "k" * 1100, "s3://bucket/\u00e9", "s3://192.168.0.1/x",
    "http://127.0.0.1/x",
    "ftp://x", "x://y", "://", "a" * 255, "a" * 256, "a/" * 2000 + "a", "d\ne", "d\x01e", "x y",
    "-", "--help", "*",
    "data/*", "\u00e9", "\U0001f600", ".hidden", "data/../data", "runs", "data\\AAA.csv",
    "C:\\data",
)  # fmt: skip

TOML = (
    "true", "false", "0", "-1", "1", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "1" * 400,
    "0.0", "-0.0", "1e308", "1e309", "-1e309", "5e-324", "inf", "-inf", "nan", "-nan", "+1", "0x7f",
    "0o17", "0b11",
    "1_000", "2024-01-01", "0001-01-01", "9999-12-31", "2024-02-30", "2024-01-01T00:00:00",
    "2024-01-01T00:00:00Z",
    "2024-01-01 09:30:00.123456789+23:59", "09:30:00", "24:00:00", "[]", "{}", "[[]]", "[{}]",
    "{ a = 1 }", "[1, 2]",
    "[true, 1]", '["a"]', '["a", "a"]', '["", ""]', "[1, 'a', 2024-01-01]", "['*', 'AAA']",
    "[" * 60 + "]" * 60,
    "{ a = " * 40 + "1" + " }" * 40, "[" + "1, " * 3000 + "]", "''", "' '", '"\\u0000"',
    '"\\uD800"', '"\\U0001F600"',
    '"\\x41"', "'''a\nb'''", '"""a\\\n b"""', "'" + "x" * 5000 + "'", "abc", "=", "", "#", "1 2",
    "1.", ".5", "01",
    "tru", "nul", "'a", '"a', "[1", "{a=1", "\x00", "\x01", "\ufeff", "'é'", "'\u202e'", "'*'",
    "'AAA'", "'[z-a]'",
)  # fmt: skip

AXES = (
    "{ start = 1, stop = 5, step = 1 }", "{ start = 1, stop = 5, step = 0 }",
    "{ start = 5, stop = 1, step = 1 }",
    "{ start = 5, stop = 1, step = -1 }", "{ start = 0, stop = 1e9, step = 1 }",
    "{ start = 1, stop = 100000, step = 1 }",
    "{ start = 1e-300, stop = 1e300, step = 1e-300 }", "{ start = 0.1, stop = 0.5, step = 0.1 }",
    "{ start = 1, stop = 2 }", "{ start = 1, stop = 2, step = nan }",
    "{ start = inf, stop = 2, step = 1 }",
    "{ start = 1, stop = 2, step = 1, more = 3 }", "{ start = '1', stop = 2, step = 1 }",
    "{ start = true, stop = 2, step = 1 }",
    "{ start = 5e-324, stop = 1e308, step = 1e304 }", "{ start = 1, stop = 2, step = 5e-324 }",
    "{ low = 1, high = 9, count = 3 }", "{ low = 1, high = 9, count = 100000 }",
    "{ low = 1, high = 9, count = 1e3 }",
    "{ low = 5e-324, high = 1e308, count = 900, log = true }",
    "{ low = 0, high = 9, count = 3, log = true }",
    "{ low = 1, high = 9, count = 1000000000 }", "{ low = 1, high = 9, count = 3, log = 1 }",
    "{ value = [1, 2] }",
    "{ value = { value = 1 } }", "{ value = [] }", "{ value = [[[[[[[[1]]]]]]]] }", "{}",
    "{ a = 1 }",
    "[1, 1]", "[1, 1.0]", "[1, 2.5]", "[1, 'a']", "[[1], [2]]", "[1, [2]]", "[nan]", "[1, true]",
    "[2024-01-01]",
    "[" + ", ".join(map(str, range(1000))) + "]", "[" + ", ".join(map(str, range(100_001))) + "]",
)  # fmt: skip


def odd_toml(chance: random.Random) -> str:
    """Return an odd value as TOML writes it."""
    choice = chance.randrange(5)
    if choice == 0:
        return _quoted(chance.choice(TEXTS))
    if choice == 1:
        return _quoted(chance.choice(PATHS))
    if choice == 2:
        return chance.choice(AXES)
    return chance.choice(TOML)


def _quoted(text: str) -> str:
    escaped = "".join(
        char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in text
    )
    return f'"{escaped}"'
