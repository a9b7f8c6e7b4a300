"""A virtual environment for each peer: they do not agree on the versions of what they need."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "Peer", "python_of", "version_of"]

VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


@dataclass(frozen=True)
class Peer:
    """What is measured, by which script, and where it is installed.

    Attributes
    ----------
    distribution
        Installed into an environment of its own; None runs with this Python.
    """

    name: str
    script: tuple[str, ...]
    distribution: str | None
    needs: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        script, *arguments = self.script
        return [str(Path(__file__).parent / script), *arguments]


PEERS = (
    Peer("backfleet, vector", ("backfleet_peer.py", "vector"), None),
    Peer("backfleet, backtrader", ("backfleet_peer.py", "backtrader"), None),
    Peer("bare kernel", ("bare_kernel_peer.py",), None),
    Peer("backtrader", ("backtrader_peer.py", "stock"), None),
    Peer("backtrader-next", ("backtrader_peer.py", "next"), "backtrader-next", ("pandas",)),
    Peer("backtesting", ("backtesting_peer.py",), "backtesting"),
    Peer("vectorbt", ("vectorbt_peer.py",), "vectorbt"),
    Peer("nautilus-trader", ("nautilus_peer.py",), "nautilus_trader", ("pandas",)),
    Peer("zipline-reloaded", ("zipline_peer.py",), "zipline-reloaded"),
)


def python_of(peer: Peer, root: Path) -> str:
    """The Python that a peer is installed for; installs it where it is not yet.

    Raises CalledProcessError where pip cannot install it.
    """
    if peer.distribution is None:
        return sys.executable
    folder = root / peer.distribution
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, clear=True, with_pip=True)
        requirements = [peer.distribution, *peer.needs]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
        (folder / "installed").touch()
    return str(python)


def version_of(peer: Peer, root: Path) -> str:
    """The installed version; for what comes with backfleet, that of backfleet or of the peer."""
    if peer.name == "bare kernel":
        return "-"
    known = {"backtrader": "backtrader"}
    distribution = peer.distribution or known.get(peer.name, "backfleet")
    command = [python_of(peer, root), "-c", VERSION, distribution]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
