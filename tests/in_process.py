"""The command line called in this process.

That is many times faster than a process, and equal for whatever starts no workers and needs no
plugins that are installed for the test alone.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["InProcess"]


@dataclass(frozen=True)
class InProcess:
    """Calls the command line in a folder."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Return what the process would end with and print; `env` is added to the environment."""
        from backfleet.cli import main

        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "path", list(sys.path))
            patch.setattr(warnings, "showwarning", warnings.showwarning)
            patch.setattr(sys, "argv", ["backfleet", *map(str, arguments)])
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            self.capture.readouterr()
            with pytest.raises(SystemExit) as end:
                main()
        out, err = self.capture.readouterr()
        return subprocess.CompletedProcess(arguments, int(end.value.code or 0), out, err)
