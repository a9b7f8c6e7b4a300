"""A registry with a login on loopback, which Docker engines trust there without TLS.

It stands in for ECR: the user is `AWS`, and the password is the one that moto's ECR hands out.
"""

from __future__ import annotations

import base64
import json
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from testbed.folders import testbed_folder
from testbed.process import TestbedError, read_pid, start_server, stop_process, wait_until

__all__ = ["Registry", "local_registry"]

PORT = 5000
START_SECONDS = 30.0
USER = "AWS"
PASSWORD = "123456789012-auth-token"
HTPASSWD = "AWS:$2b$05$UtDHNG1mzHDXxJbHxzmvPOlS/MseCnL7/xPinafpHUirdxZjC1RHm\n"
"""`USER` and the bcrypt hash of `PASSWORD`."""

CONFIG = """
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: testbed, path: {folder}/htpasswd}}}}
"""


@dataclass(frozen=True)
class Registry:
    """A docker-registry whose images and settings lie in one folder."""

    folder: Path
    address: str = f"127.0.0.1:{PORT}"
    user: str = USER
    password: str = PASSWORD

    @property
    def docker_config(self) -> Path:
        """The value for DOCKER_CONFIG in a process that is logged in."""
        return self.folder / "docker-config"

    @property
    def login(self) -> dict[str, str]:
        """For the SDK's `auth_config`."""
        return {"username": self.user, "password": self.password}

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 401
        except OSError:
            return False

    def start(self) -> None:
        """Start it and wait until it answers; does nothing where it is up. Raises TestbedError."""
        self.docker_config.mkdir(parents=True, exist_ok=True)
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        settings = {"auths": {self.address: {"auth": login}}}
        (self.docker_config / "config.json").write_text(json.dumps(settings))
        if self.is_up():
            return
        if shutil.which("docker-registry") is None:
            raise TestbedError("docker-registry is missing: apt-get install docker-registry")
        (self.folder / "htpasswd").write_text(HTPASSWD)
        config = self.folder / "config.yml"
        config.write_text(CONFIG.format(folder=self.folder, address=self.address))
        log = self.folder / "log"
        pid = self.folder / "pid"
        # The shell gives its process to the registry, so that the pid is known.
        script = f"echo $$ >'{pid}'; exec docker-registry serve '{config}'"
        start_server(["sh", "-c", script], log)
        if not wait_until(self.is_up, START_SECONDS):
            said = log.read_text(errors="replace")[-2000:]
            raise TestbedError(f"docker-registry does not answer; its log {log} ends:\n{said}")

    def stop(self) -> None:
        """Stop it by its pid; does nothing where it is down."""
        pid = read_pid(self.folder / "pid", "docker-registry")
        if pid is not None:
            stop_process(pid)


def local_registry() -> Registry:
    """The testbed's own registry, up or not."""
    return Registry(testbed_folder() / "registry")
