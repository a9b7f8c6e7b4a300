"""A stand-in for `python:3.11-slim`, made from this machine, for engines that cannot pull.

It holds what the original does: the essential packages of Debian, the libraries that CPython links,
and CPython with pip and setuptools under /usr/local.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import docker

from testbed.process import TestbedError

__all__ = ["BASE_IMAGE", "make_base_image"]

BASE_IMAGE = "python:3.11-slim"
NEEDED = frozenset(
    """
    mawk libc6 libcrypt1 libgcc-s1 libstdc++6 libgomp1 zlib1g libbz2-1.0 liblzma5 libffi8 libssl3
    openssl libsqlite3-0 libreadline8 readline-common libtinfo6 libncursesw6 libuuid1 libexpat1
    libgdbm6 libdb5.3 libnsl2 libtirpc3 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0
    libcom-err2 libkeyutils1 ca-certificates tzdata netbase libselinux1 libpcre2-8-0 libacl1
    libattr1 libgmp10 libpam0g libpam-modules libpam-runtime libpam-modules-bin libaudit1
    libaudit-common libcap-ng0 libsemanage2 libsepol2 passwd adduser libdebconfclient0 libsmartcols1
    libblkid1 libmount1 libmd0 libzstd1 liblz4-1 libxxhash0 libsystemd0 libudev1
    """.split()  # noqa: SIM905
)
"""Packages not marked essential that CPython or an essential package needs."""

LEFT_OUT = re.compile(r"^/usr/share/(doc|man|locale|info|lintian|bash-completion)/")
FOLDERS = (
    *("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/local/bin", "usr/local/lib"),
    *("etc", "etc/ssl/certs", "var/tmp", "var/lib/dpkg", "tmp", "root", "home"),
    *("proc", "sys", "dev", "run", "opt", "srv", "mnt"),
)
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nstaff:x:50:\nnogroup:x:65534:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\n",
    "etc/ld.so.conf": "/usr/local/lib\n",
}
PIP = '#!/bin/sh\nexec /usr/local/bin/python3 -m pip "$@"\n'
ENVIRONMENT = (
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    'CMD ["python3"]',
)


def make_base_image(client: docker.DockerClient, tag: str = BASE_IMAGE) -> None:
    """Make the stand-in; does nothing where the tag exists. Raises TestbedError."""
    if client.images.list(name=tag):
        return
    if shutil.which("dpkg-query") is None:
        raise TestbedError(f"the stand-in for {tag} can be made on Debian only")
    with tempfile.TemporaryDirectory(prefix="backfleet-rootfs-") as folder:
        root = Path(folder)
        _lay_out(root)
        _copy_debian(root)
        _copy_python(root)
        subprocess.run(["ldconfig", "-r", root], check=True)
        repository, _, name = tag.partition(":")
        _import(client, root, repository, name)


def _lay_out(root: Path) -> None:
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    (root / "root").chmod(0o700)
    # As Debian since 12: /bin is a link to /usr/bin, and so on.
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")


def _copy_debian(root: Path) -> None:
    names = root.with_suffix(".names")
    names.write_text("".join(f"{name}\n" for name in sorted(set(_files_of_packages()))))
    pack = ["tar", "-C", "/", "--no-recursion", "--ignore-failed-read", "-T", str(names), "-c"]
    unpack = ["tar", "-C", str(root), "--keep-directory-symlink", "-x"]
    try:
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
            subprocess.run(unpack, stdin=packing.stdout, check=True)
    finally:
        names.unlink()
    for name, text in FILES.items():
        (root / name).write_text(text)
    (root / "etc/shadow").chmod(0o640)
    for name in ("debian_version", "nsswitch.conf"):
        shutil.copy(Path("/etc", name), root / "etc")
    shutil.rmtree(root / "etc/alternatives", ignore_errors=True)
    shutil.copytree("/etc/alternatives", root / "etc/alternatives", symlinks=True)
    bundle = "etc/ssl/certs/ca-certificates.crt"
    (root / bundle).unlink(missing_ok=True)
    shutil.copy(Path("/", bundle), root / bundle)
    for name, target in {"awk": "mawk", "which": "which.debianutils"}.items():
        link = root / "usr/bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _files_of_packages() -> Iterator[str]:
    """Files of the essential packages and of `NEEDED`, relative to the root, links followed up."""
    listed = _output("dpkg-query", "-W", "-f", "${Essential} ${Package}\n")
    lines = [line.split() for line in listed.splitlines()]
    essential = {line[1] for line in lines if line[0] == "yes"}
    packages = essential | ({line[-1] for line in lines} & NEEDED)
    for name in _output("dpkg", "-L", *sorted(packages)).splitlines():
        path = Path(name)
        is_there = path.is_symlink() or path.exists()
        if name.startswith("/") and name != "/." and is_there and not LEFT_OUT.match(name):
            yield re.sub(r"^/(bin|sbin|lib|lib64)(?=/|$)", r"/usr/\1", name).removeprefix("/")


def _copy_python(root: Path) -> None:
    source = Path(sys.base_prefix)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    library = Path("lib", f"python{version}")
    unwanted = shutil.ignore_patterns(
        *("__pycache__", "site-packages", "test", "idlelib", "tkinter", "turtledemo"),
        *("config-*", "*.a", "_tkinter*.so"),
    )
    target = root / "usr/local"
    shutil.copytree(source / library, target / library, symlinks=True, ignore=unwanted)
    for file in _programs(source, version):
        copied = target / file.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copied, follow_symlinks=False)
    (target / "bin/python").symlink_to("python3")
    site = target / library / "site-packages"
    site.mkdir()
    for wheel in (source / library / "ensurepip/_bundled").glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    for name in ("pip", "pip3"):
        (target / "bin" / name).write_text(PIP)
        (target / "bin" / name).chmod(0o755)


def _programs(source: Path, version: str) -> Iterable[Path]:
    yield from (source / "bin" / name for name in ("python3", f"python{version}"))
    yield from (source / "lib").glob("libpython3*.so*")


def _import(client: docker.DockerClient, root: Path, repository: str, tag: str) -> None:
    archive = root.with_suffix(".tar")
    pack = ["tar", "-C", str(root), "--numeric-owner", "--owner=0", "--group=0"]
    try:
        subprocess.run([*pack, "-cf", str(archive), "."], check=True)
        client.api.import_image_from_file(
            str(archive), repository=repository, tag=tag, changes=list(ENVIRONMENT)
        )
    finally:
        archive.unlink(missing_ok=True)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
