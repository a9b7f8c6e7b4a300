"""backtrader's own tests with `backfleet.Cerebro` in place of `backtrader.Cerebro`.

`python benchmarks/backtrader_tests.py FOLDER [PYTEST ARGUMENT ...]`. FOLDER is a checkout of
backtrader's repository, of the version that is installed. Exits as pytest does.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from backfleet import Cerebro
from backfleet.engines.bt import bt


def main() -> int:
    """Run the tests in this process, with the drop-in."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    checkout = Path(sys.argv[1])
    # The tests use both names.
    bt.Cerebro = bt.cerebro.Cerebro = Cerebro
    warnings.simplefilter("ignore", SyntaxWarning)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-c", "/dev/null"]
    place = ["--rootdir", str(checkout), str(checkout / "tests")]
    return int(pytest.main([*options, *place, *sys.argv[2:]]))


if __name__ == "__main__":
    sys.exit(main())
