"""A private Docker engine: a dockerd of its own, reached through a socket in the testbed's folder.

Its containers run with the network `host` or `none`: it makes no bridge and writes no rule into
the machine's packet filter.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.folders import testbed_folder
from testbed.process import TestbedError, read_pid, start_server, stop_process, wait_until

__all__ = ["Engine", "private_engine"]

START_SECONDS = 60.0
PING_SECONDS = 10.0
LONGEST_FOLDER = 70
NO_NETWORK = (
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-masq=false",
    "--ip-forward=false",
    "--host-gateway-ip=127.0.0.1",
)


@dataclass(frozen=True)
class Engine:
    """A dockerd whose socket, log and images lie in one folder."""

    folder: Path

    @property
    def host(self) -> str:
        """The value for DOCKER_HOST."""
        return f"unix://{self.folder / 'docker.sock'}"

    def is_up(self) -> bool:
        # The SDK leaves a socket open for every engine that does not answer.
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PING_SECONDS)
            try:
                connection.connect(str(self.folder / "docker.sock"))
                connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in connection.recv(64)
            except OSError:
                return False

    def start(self) -> None:
        """Start it and wait until it answers; does nothing where it is up. Raises TestbedError."""
        if self.is_up():
            return
        if problem := self._problem():
            raise TestbedError(problem)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._forget_dead()
        _mount_cgroups()
        log = self.folder / "log"
        with _docker0_kept():
            start_server(self._command(), log)
            if not wait_until(self.is_up, START_SECONDS):
                said = log.read_text(errors="replace")[-2000:]
                self.stop()
                raise TestbedError(f"dockerd does not answer; its log {log} ends:\n{said}")

    def stop(self) -> None:
        """Stop it by its pid, and with it its containers; does nothing where it is down."""
        pid = read_pid(self.folder / "pid", "dockerd")
        if pid is not None:
            stop_process(pid)
        # dockerd leaves these mounts behind; the folder could not be removed for them.
        for mount in (self.folder / "exec" / "netns" / "default", self.folder / "data"):
            if mount.is_mount():
                subprocess.run(["umount", str(mount)], check=False)

    def _problem(self) -> str:
        if os.geteuid() != 0:
            return "only root can start the testbed's engine"
        if shutil.which("dockerd") is None:
            return "dockerd is missing: apt-get install docker.io iptables"
        if len(str(self.folder)) > LONGEST_FOLDER:
            return f"the path of sockets in {self.folder} would be too long for the kernel"
        return ""

    def _command(self) -> list[str]:
        return [
            "dockerd",
            f"--host={self.host}",
            f"--data-root={self.folder / 'data'}",
            f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.folder / 'pid'}",
            *NO_NETWORK,
        ]

    def _forget_dead(self) -> None:
        """Remove what a killed engine left: it would wait for a containerd that has gone."""
        if read_pid(self.folder / "pid", "dockerd") is None:
            (self.folder / "pid").unlink(missing_ok=True)
        containerd = self.folder / "exec" / "containerd" / "containerd.pid"
        if read_pid(containerd, "containerd") is None:
            containerd.unlink(missing_ok=True)


def private_engine() -> Engine:
    """The testbed's own engine, up or not."""
    return Engine(testbed_folder() / "engine")


def _mount_cgroups() -> None:
    """Mount the controllers that a container's limits need, where nothing has."""
    groups = Path("/sys/fs/cgroup")
    if (groups / "cgroup.controllers").exists() or (groups / "memory").is_mount():
        return
    if shutil.which("cgroupfs-mount"):
        subprocess.run(["cgroupfs-mount"], check=False)


@contextmanager
def _docker0_kept() -> Iterator[None]:
    """A dockerd without a bridge deletes docker0, also another engine's: put that one back."""
    address = _docker0()
    yield
    if address is not None and _docker0() is None:
        for command in (
            "ip link add docker0 type bridge",
            f"ip addr add {address} dev docker0",
            "ip link set docker0 up",
        ):
            subprocess.run(command.split(), check=True)


def _docker0() -> str | None:
    """The address of the bridge docker0, as 172.17.0.1/16; None where there is none."""
    with contextlib.suppress(OSError, LookupError, ValueError):
        command = ["ip", "-json", "-4", "addr", "show", "dev", "docker0"]
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
        (address,) = json.loads(shown.stdout)[0]["addr_info"]
        return f"{address['local']}/{address['prefixlen']}"
    return None
