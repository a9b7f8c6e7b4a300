"""An ARM64 Debian under emulation, made from this machine's package indexes and kept between runs.

Its commands run with the kernel of this machine, each in namespaces of its own, so that no mount
and no process outlives them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.folders import testbed_folder
from testbed.process import TestbedError

__all__ = ["PROCESSORS", "Arm64", "emulated_arm64"]

PROCESSORS = ("cortex-a72", "max")
"""A small one, that of the Raspberry Pi 4, and one with every extension that QEMU knows."""

TOOLS = {"debootstrap": "debootstrap", "qemu-aarch64-static": "qemu-user-static"}
PACKAGES = "python3,ca-certificates,libgomp1,libstdc++6"
BINFMT = Path("/proc/sys/fs/binfmt_misc")
FORMAT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")

SITE = f"usr/local/lib/python{sys.version_info.major}.{sys.version_info.minor}/dist-packages"
CODE = "opt/backfleet"
CACHE = "var/cache/backfleet"

ENTER = """
set -e
root=$1 code=$2 cache=$3 work=$4
shift 4
mount --bind "$code" "$root/opt/backfleet"
mount --bind "$cache" "$root/var/cache/backfleet"
mkdir -p "$root$work"
mount --bind "$work" "$root$work"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$work" "$@"
"""


@dataclass(frozen=True)
class Arm64:
    """The emulated machine, in one folder.

    Attributes
    ----------
    code
        The folder of the backfleet that its commands run.
    """

    folder: Path
    code: Path

    @property
    def root(self) -> Path:
        """The root of its file system."""
        return self.folder / "root"

    def run(
        self,
        *arguments: str | Path,
        work: Path,
        processor: str = PROCESSORS[0],
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python in a folder that both machines have under the same path."""
        cache = self.folder / "cache"
        cache.mkdir(exist_ok=True)
        enter = ["sh", "-c", ENTER, "enter", self.root, self.code, cache, work.resolve()]
        settings = {
            "PATH": "/usr/bin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"/{CODE}",
            "BACKFLEET_CACHE": f"/{CACHE}",
            "QEMU_CPU": processor,
            **(env or {}),
        }
        pairs = [f"{name}={value}" for name, value in settings.items()]
        python = ["/usr/bin/env", "-i", *pairs, "python3", "-W", "ignore"]
        space = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
        ]
        return subprocess.run(
            [*space, *enter, *python, *arguments], capture_output=True, text=True, check=False
        )

    def backfleet(
        self, *arguments: str, work: Path, processor: str = PROCESSORS[0]
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line on it."""
        return self.run("-P", "-m", "backfleet", *arguments, work=work, processor=processor)


def emulated_arm64() -> Arm64:
    """The machine with the backfleet of this checkout; made where it is not there yet.

    Raises TestbedError.
    """
    if problem := _problem():
        raise TestbedError(problem)
    folder = testbed_folder() / "arm64"
    folder.mkdir(parents=True, exist_ok=True)
    with _turn(folder):
        _register_format()
        _make_root(folder)
        return Arm64(folder, _install(folder))


def _problem() -> str:
    if os.geteuid() != 0:
        return "only root can run the emulated machine"
    if platform.machine() != "x86_64":
        return "the emulated machine is compared with x86-64"
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    return f"apt-get install {' '.join(missing)}" if missing else ""


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    with (folder / "turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _register_format() -> None:
    """Have the kernel run programs of ARM64, in containers and below other roots too."""
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    if not (BINFMT / "qemu-aarch64").exists():
        (BINFMT / "register").write_bytes(FORMAT.read_bytes().strip())


def _make_root(folder: Path) -> None:
    root = folder / "root"
    if root.exists():
        return
    fresh = folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    options = ["--arch=arm64", "--variant=minbase", f"--include={PACKAGES}"]
    place = [_release(), str(fresh), _mirror()]
    done = subprocess.run(
        ["debootstrap", *options, *place], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TestbedError(f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    for name in (SITE, CODE, CACHE):
        (fresh / name).mkdir(parents=True, exist_ok=True)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (fresh / "usr/bin" / python).exists():
        raise TestbedError(f"Debian {_release()} has no {python}, and this Python is one")
    fresh.rename(root)


def _release() -> str:
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def _mirror() -> str:
    """The mirror that this machine's own packages come from."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Release: {_release()}"],
        capture_output=True,
        text=True,
        check=True,
    )
    if not listed.stdout.strip():
        raise TestbedError(f"this machine names no mirror of Debian {_release()}")
    return listed.stdout.split()[0]


def _install(folder: Path) -> Path:
    """Lay out the wheels of what is installed here; the folder of backfleet's own code."""
    from backfleet_executors.images.parts import collect_parts
    from backfleet_executors.images.wheels import pinned_wheels

    with tempfile.TemporaryDirectory(prefix="backfleet-wheels-") as made:
        parts = collect_parts((), Path(made))
        site, pins = folder / "root" / SITE, folder / "pins"
        requirements = "".join(
            f"{name}=={version}\n" for name, version in sorted(parts.pins.items())
        )
        if not pins.exists() or pins.read_text() != requirements:
            shutil.rmtree(site)
            for wheel in pinned_wheels(parts.pins, "aarch64"):
                _unpack(wheel, site)
            pins.write_text(requirements)
        content = hashlib.sha256(b"".join(wheel.read_bytes() for wheel in sorted(parts.code)))
        code = folder / "code" / content.hexdigest()[:16]
        if not code.exists():
            fresh = Path(tempfile.mkdtemp(dir=folder))
            for wheel in parts.code:
                _unpack(wheel, fresh)
            fresh.chmod(0o755)
            code.parent.mkdir(exist_ok=True)
            fresh.rename(code)
        return code


def _unpack(wheel: Path, folder: Path) -> None:
    """Unpack a wheel as pip does, without scripts, and with the times of its entries.

    numba finds machine code again by the time of its source.
    """
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", entry.filename)
            if entry.is_dir() or re.match(r"[^/]+\.data/", name):
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(entry))
            os.utime(target, (0, 0))
