"""A Docker engine that holds images and builds none, for what is decided before a build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docker.errors import APIError, ImageNotFound

__all__ = ["EngineStandIn", "image_facts"]


def image_facts(architecture: str, python: str = "") -> Mapping[str, Any]:
    """Return what an engine says of an image."""
    variables = [f"PYTHON_VERSION={python}"] if python else []
    return {"Id": f"sha256:{1:064}", "Architecture": architecture, "Config": {"Env": variables}}


@dataclass
class EngineStandIn:
    """The calls of docker's `APIClient` that look at images and pull them.

    Attributes
    ----------
    images, registry
        Facts of the images that the engine has and of those it can pull, by name.
    pulls
        The platforms that were pulled.
    runs
        The architectures whose programs it runs; its own is `amd64`.
    """

    images: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    registry: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pulls: list[str | None] = field(default_factory=list)
    closed: bool = False
    runs: Sequence[str] = ("amd64", "arm64")

    def version(self) -> Mapping[str, str]:
        return {"Arch": "amd64"}

    def create_container(self, image: str, *_: object, **__: Any) -> str:
        (facts,) = (facts for facts in self.images.values() if facts["Id"] == image)
        architecture: str = facts["Architecture"]
        return architecture

    def start(self, container: str) -> None:
        if container not in self.runs:
            raise APIError("exec format error")

    def wait(self, container: str) -> Mapping[str, int]:
        return {"StatusCode": 0}

    def remove_container(self, container: str, **_: Any) -> None:
        """Nothing: a container is the name of its architecture here."""

    def inspect_image(self, name: str) -> Mapping[str, Any]:
        if name not in self.images:
            raise ImageNotFound(f"no such image: {name}")
        return self.images[name]

    def pull(self, name: str, *, platform: str | None, **_: Any) -> Iterator[Mapping[str, str]]:
        self.pulls.append(platform)
        if name not in self.registry:
            yield {"error": "manifest unknown"}
            return
        self.images[name] = self.registry[name]
        yield {"status": "pulled"}

    def close(self) -> None:
        self.closed = True
