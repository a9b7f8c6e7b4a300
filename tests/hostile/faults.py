"""Functions with one fault each, by which the harness is tested."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__: list[str] = []


def raises() -> None:
    raise ValueError("seven")


def spins() -> None:
    while True:
        pass


def computes() -> None:
    """One operation within C code, which no signal handler of Python's interrupts."""
    nine = len(sys.argv) + 8
    print(nine**nine**nine)


def waits() -> None:
    Path("fifo").read_bytes()


def allocates() -> None:
    print(len(bytearray(3 * 2**30)))


def says_nothing() -> None:
    sys.exit(2)


def says_much() -> None:
    print("word\n" * 100, file=sys.stderr)
    sys.exit(2)


def dies() -> None:
    os.abort()


def reads() -> None:
    Path(sys.argv[1]).read_bytes()


def writes() -> None:
    Path(sys.argv[1]).write_bytes(b"")


def removes() -> None:
    Path(sys.argv[1]).unlink()


def renames() -> None:
    Path("given.txt").replace(sys.argv[1])


def starts() -> None:
    subprocess.run(["true"], check=True)


def signals() -> None:
    os.kill(int(sys.argv[1]), 0)


def reveals() -> None:
    print("hidden")


def works() -> None:
    Path("made.txt").write_text(Path("given.txt").read_text() + sys.stdin.read())
    print(Path("made.txt").read_text())
