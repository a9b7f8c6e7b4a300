"""The tests' stand-in for AWS, as the other end of a benchmark."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["aws_stand_in"]

TESTS = Path(__file__).parent.parent / "tests"


@contextmanager
def aws_stand_in(*options: str) -> Iterator[None]:
    """Start it with these options, and point this process and its children to it."""
    sys.path.append(str(TESTS))
    from testbed.aws.server import reached, served

    with served(*options) as url, reached(url):
        yield
