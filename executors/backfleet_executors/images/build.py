"""Building the image: wheels and the Dockerfile, handed to the Docker engine."""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.sdk import canonical_digest
from backfleet_executors.docker.engine import engine_errors
from backfleet_executors.docker.image import Image, ImageMissing, find_image
from backfleet_executors.images.inventory import LABEL, inventory_label
from backfleet_executors.images.parts import Parts, collect_parts
from backfleet_executors.images.wheels import pinned_wheels

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["BASE_IMAGE", "DEFAULT_TAG", "MACHINES", "BuildRequest", "build_image"]

DEFAULT_TAG = "backfleet:latest"
BASE_IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
"""Wheels fit one minor version of Python, and so do a run's numbers: that of this process."""

MACHINES: Mapping[str, str] = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
"""Docker's name of a platform to Python's name of its architecture."""

DOCKERFILE = Path(__file__).with_name("Dockerfile")
DEPENDENCIES = "wheels/dependencies"
CODE = "wheels/code"
LAST_LINES = 25


@dataclass(frozen=True)
class BuildRequest:
    """What to build.

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
    _have_base(client, request, report)
    with tempfile.TemporaryDirectory(prefix="backfleet-image-") as folder:
        parts = collect_parts(request.extra, Path(folder))
        report(f"dependencies: {len(parts.pins)} distributions, by pip where they are not cached")
        wheels = pinned_wheels(parts.pins, request.machine)
        report(f"code: {', '.join(wheel.name for wheel in sorted(parts.code))}")
        with tempfile.TemporaryFile() as context:
            _write_context(context, parts, wheels)
            context.seek(0)
            report(f"building {request.tag}: minutes where dependencies changed, else seconds")
            _run_build(client, request, context, inventory_label([*wheels, *parts.code]))
    return find_image(client, request.tag)


def _have_base(client: APIClient, request: BuildRequest, report: Callable[[str], None]) -> None:
    """Pull the base image where the engine has none of its name, for the platform."""
    base = request.base
    with suppress(ImageMissing):
        architecture = find_image(client, base).facts.get("Architecture")
        if not request.platform or request.platform == f"linux/{architecture}":
            return
    report(f"pulling {base}")
    try:
        with engine_errors(f"pull {base}"):
            pulled = client.pull(base, stream=True, decode=True, platform=request.platform or None)
            for event in pulled:
                if "error" in event:
                    raise ExecutorError(str(event["error"]))
    except ExecutorError as error:
        raise ExecutorError(
            f"the base image {base} is not there and cannot be pulled: {error}; load it into the "
            "engine ('docker load'), or name another one with --base"
        ) from error


def _write_context(context: IO[bytes], parts: Parts, wheels: Iterable[Path]) -> None:
    with tarfile.open(fileobj=context, mode="w") as archive:
        _add(archive, DOCKERFILE, "Dockerfile")
        for wheel in wheels:
            _add(archive, wheel, f"{DEPENDENCIES}/{wheel.name}")
        for wheel in sorted(parts.code):
            _add(archive, wheel, f"{CODE}/{wheel.name}")
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as project:
            pins = [f"{name}=={version}" for name, version in sorted(parts.pins.items())]
            project.write(f"[project]\ndependencies = {json.dumps(pins)}\n")
            project.flush()
            _add(archive, Path(project.name), "pyproject.toml")


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
) -> None:
    arguments = {
        "BASE_IMAGE": request.base,
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
                said += _lines(event)
                if "error" in event:
                    raise ExecutorError(f"{request.tag} was not built: {event['error']}")
    except ExecutorError as error:
        raise _explained(error, said) from error


def _lines(event: Mapping[str, Any]) -> Iterator[str]:
    yield from (line for line in str(event.get("stream", "")).splitlines() if line.strip())


def _explained(error: ExecutorError, said: Sequence[str]) -> ExecutorError:
    """The error of a build, with the end of its log."""
    text = "\n".join([str(error), *said[-LAST_LINES:]])
    if "no space left" in text:
        text = (
            "the engine's disk is full; 'docker system prune' removes unused images and containers"
            f"\n{text}"
        )
    return ExecutorError(text)
