"""The child process that runs a script: `python -m backfleet.adopt.child FOLDER SCRIPT [ARGS]`.

Its output is the script's, and so is its exit code; what was observed lies in FOLDER.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from importlib.util import decode_source
from pathlib import Path

from backfleet.adopt.python_code import MAIN
from backfleet.adopt.recording import ObservationLog, recording_runs

__all__ = ["run_script_here"]


def run_script_here(script: str, arguments: Sequence[str], folder: Path) -> None:
    """Run a script as Python runs the file that it is called with, and record its runs.

    Whatever the script raises passes through.
    """
    # `compile` itself accepts bytes that Python refuses in a file.
    text = decode_source(Path(script).read_bytes())
    # Without the future statements of this file, which the script does not have.
    code = compile(text, script, "exec", dont_inherit=True)
    module = types.ModuleType(MAIN)
    module.__dict__.update(__file__=script, __builtins__=__builtins__)
    before = sys.argv, sys.path[:], sys.modules[MAIN]
    sys.argv = [script, *arguments]
    # As Python does for a script, which may import modules beside it.
    sys.path.insert(0, str(Path(script).absolute().parent))
    # Classes of the script then say that they are from `__main__`, as in a plain run.
    sys.modules[MAIN] = module
    try:
        with recording_runs(ObservationLog(folder)):
            exec(code, vars(module))
    finally:
        sys.argv, sys.path[:], sys.modules[MAIN] = before


if __name__ == "__main__":
    run_script_here(sys.argv[2], sys.argv[3:], Path(sys.argv[1]))
