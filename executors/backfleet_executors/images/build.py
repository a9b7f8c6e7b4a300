"""Building the image: wheels and the Dockerfile, handed to the Docker engine."""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.sdk import canonical_digest
from backfleet_executors.docker.client import engine_errors
from backfleet_executors.docker.image import Image, ImageMissing, find_image
from backfleet_executors.images.inventory import LABEL, inventory_label
from backfleet_executors.images.parts import Parts, collect_parts, wheel_distribution
from backfleet_executors.images.wheels import pinned_wheels

if TYPE_CHECKING:
    from docker import APIClient

__all__ = [
    "BASE_IMAGE",
    "DEFAULT_TAG",
    "MACHINES",
    "PYTHON",
    "BuildRequest",
    "build_image",
    "prepare_base",
    "requirements",
]

DEFAULT_TAG = "backfleet:latest"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BASE_IMAGE = f"python:{PYTHON}-slim"
"""Wheels fit one minor version of Python, and so do a run's numbers: that of this process."""

MACHINES: Mapping[str, str] = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
"""Docker's name of a platform to Python's name of its architecture."""

DOCKERFILE = Path(__file__).with_name("Dockerfile")
DEPENDENCIES = "wheels/dependencies"
CODE = "wheels/code"
MAX_LOG_LINES = 25


@dataclass(frozen=True)
class BuildRequest:
    """The image to build.

    Attributes
    ----------
    extra
        What the image is to hold beside backfleet; see `collect_parts`.
    tag
        The image's name.
    base
        The image that it begins from.
    platform
        The platform that it is for, as Docker names it; by default that of the engine.
    """

    extra: Sequence[str] = ()
    tag: str = DEFAULT_TAG
    base: str = BASE_IMAGE
    platform: str = ""

    @property
    def machine(self) -> str:
        """The architecture that it is for, as Python names it; empty for the engine's."""
        return MACHINES[self.platform] if self.platform else ""


def build_image(
    client: APIClient, request: BuildRequest, report: Callable[[str], None] = lambda line: None
) -> Image:
    """Build an image of what is installed here; it needs no network but for what is not cached.

    Parameters
    ----------
    report
        Receives each step.

    Raises
    ------
    ExecutorError
        Where a part cannot be had, the base image is missing, or the build fails.
    """
    # First, since collecting and downloading wheels for a base that cannot be used would be in
    # vain.
    base = prepare_base(client, request, report)
    with tempfile.TemporaryDirectory(prefix="backfleet-image-") as folder:
        parts = collect_parts(request.extra, Path(folder))
        report(f"dependencies: {len(parts.pins)} distributions, by pip where they are not cached")
        wheels = pinned_wheels(parts.pins, request.machine)
        report(f"code: {', '.join(wheel.name for wheel in sorted(parts.code))}")
        with tempfile.TemporaryFile() as context:
            _write_context(context, parts, wheels)
            context.seek(0)
            report(f"building {request.tag}: minutes if dependencies changed, otherwise seconds")
            inventory = inventory_label([*wheels, *parts.code])
            _run_build(client, request, context, inventory, _digest_of(base))
    return find_image(client, request.tag)


def prepare_base(client: APIClient, request: BuildRequest, report: Callable[[str], None]) -> Image:
    """Return the base image, which is pulled if the engine has none of its name and platform.

    Raises ExecutorError if it cannot be pulled, if its platform or its Python is another one, or if
    the engine cannot run its programs.
    """
    try:
        image = find_image(client, request.base)
        # The engine holds one image per name, which may be of the platform of an earlier build.
        if _platform_of(image) != (request.platform or _platform_of(image)):
            image = _pull(client, request, report)
    except ImageMissing:
        image = _pull(client, request, report)
    _check_base(request, image)
    _check_emulation(client, image)
    return image


def _pull(client: APIClient, request: BuildRequest, report: Callable[[str], None]) -> Image:
    base = request.base
    report(f"pulling {base}")
    try:
        with engine_errors(f"pull {base}"):
            pulled = client.pull(base, stream=True, decode=True, platform=request.platform or None)
            for event in pulled:
                if "error" in event:
                    raise ExecutorError(str(event["error"]))
        return find_image(client, base)
    except ExecutorError as error:
        raise ExecutorError(
            f"the base image {base} is not there and cannot be pulled: {error}; load it into the "
            "engine ('docker load'), or name another one with --base"
        ) from error


def _check_base(request: BuildRequest, image: Image) -> None:
    """Raise ExecutorError unless wheels of this Python for the platform fit the base image."""
    platform = _platform_of(image)
    if platform != (request.platform or platform):
        raise ExecutorError(
            f"the base image {request.base} is for {platform}, and the image is built for "
            f"{request.platform}. Nothing was built. Name a base for {request.platform} with --base"
        )
    # Python's official images name their version in this variable. An image without it is taken to
    # fit; if it does not, pip in the build rejects the wheels.
    variables = image.facts.get("Config", {}).get("Env") or ()
    python = next(
        (
            text.removeprefix("PYTHON_VERSION=")
            for text in variables
            if text.startswith("PYTHON_VERSION=")
        ),
        PYTHON,
    )
    if python.split(".")[:2] != PYTHON.split("."):
        raise ExecutorError(
            f"the base image {request.base} has Python {python}, and backfleet runs on {PYTHON} "
            f"here. Nothing was built. Name a base with Python {PYTHON} with --base"
        )


def _check_emulation(client: APIClient, image: Image) -> None:
    """Raise ExecutorError unless an engine of another architecture runs programs of the image."""
    with engine_errors("tell its version"):
        here = str(client.version().get("Arch", ""))
    # The usual case needs no container.
    if here == image.facts.get("Architecture"):
        return
    try:
        with engine_errors(f"run a program of {image.name}"):
            # Only running a program shows whether the kernel has an emulator for it.
            container = client.create_container(image.id, ["-c", ""], entrypoint="python")
            try:
                client.start(container)
                code = client.wait(container)["StatusCode"]
            finally:
                client.remove_container(container, force=True)
        if code:
            raise ExecutorError(f"a program of {image.name} ended with {code}")
    except ExecutorError as error:
        raise ExecutorError(
            f"the Docker engine runs on {here} and cannot run programs of {_platform_of(image)} "
            f"({error}). Nothing was built. Install 'qemu-user-static' with binfmt_misc on its "
            f"machine, or build on a machine of {_platform_of(image)}"
        ) from error


def _platform_of(image: Image) -> str:
    return f"linux/{image.facts.get('Architecture')}"


def _digest_of(image: Image) -> str:
    """Return the digest of an image in its registry, or its id if it came from none."""
    digests = image.facts.get("RepoDigests") or [image.id]
    return str(digests[0]).rpartition("@")[2]


def _write_context(context: IO[bytes], parts: Parts, wheels: Sequence[Path]) -> None:
    with tarfile.open(fileobj=context, mode="w") as archive:
        _add(archive, DOCKERFILE, "Dockerfile")
        for wheel in wheels:
            _add(archive, wheel, f"{DEPENDENCIES}/{wheel.name}")
        for wheel in sorted(parts.code):
            _add(archive, wheel, f"{CODE}/{wheel.name}")
        # The Dockerfile takes the requirements from a project file, as it does in a checkout.
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as project:
            project.write(f"[project]\ndependencies = {json.dumps(requirements(wheels))}\n")
            project.flush()
            _add(archive, Path(project.name), "pyproject.toml")


def requirements(wheels: Iterable[Path]) -> list[str]:
    """Return lines for pip that accept these wheels and no others, by version and SHA-256."""
    lines = []
    for wheel in wheels:
        distribution = wheel_distribution(wheel)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        # With a hash, pip accepts this very file and no other wheel of the same version.
        lines.append(f"{distribution.name}=={distribution.version} --hash=sha256:{digest}")
    return sorted(lines)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    with path.open("rb") as file:
        entry = archive.gettarinfo(arcname=name, fileobj=file)
        # The same content is the same layer, whoever made it and when.
        entry.mode, entry.mtime = 0o644, 0
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        archive.addfile(entry, file)


def _run_build(
    client: APIClient,
    request: BuildRequest,
    context: IO[bytes],
    inventory: str,
    base_digest: str,
) -> None:
    arguments = {
        "BASE_IMAGE": request.base,
        "BASE_DIGEST": base_digest,
        # All wheels are in the context, so a build with the same content needs no network.
        "PIP_NO_INDEX": "1",
        "DEPENDENCIES": DEPENDENCIES,
        "CODE": CODE,
        "INSTALL": "*.whl",
        "VERSION": version("backfleet"),
        "REVISION": json.loads(inventory)["backfleet"],
        "INVENTORY": canonical_digest(json.loads(inventory)),
    }
    said: list[str] = []
    try:
        with engine_errors(f"build {request.tag}"):
            for event in client.build(
                fileobj=context,
                custom_context=True,
                tag=request.tag,
                buildargs=arguments,
                labels={LABEL: inventory},
                network_mode="none",
                platform=request.platform or None,
                rm=True,
                forcerm=True,
                decode=True,
            ):
                # The engine reports an error as an event of its own, and the reason for it only in
                # the output before.
                said += _lines(event)
                if "error" in event:
                    raise ExecutorError(f"{request.tag} was not built: {event['error']}")
    except ExecutorError as error:
        raise _explained(error, said) from error


def _lines(event: Mapping[str, Any]) -> Iterator[str]:
    yield from (line for line in str(event.get("stream", "")).splitlines() if line.strip())


def _explained(error: ExecutorError, said: Sequence[str]) -> ExecutorError:
    """The error of a build, with the end of its log."""
    text = "\n".join([str(error), *said[-MAX_LOG_LINES:]])
    if "no space left" in text:
        text = (
            "the engine's disk is full; 'docker system prune' removes unused images and containers"
            f"\n{text}"
        )
    return ExecutorError(text)
