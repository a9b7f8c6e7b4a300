"""The image of the backfleet under test, and its wheels, which are kept for the next one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from backfleet.cache import cache_folder
from testbed.folders import testbed_folder

if TYPE_CHECKING:
    import docker

__all__ = ["keep_wheels", "make_worker_image"]


def keep_wheels() -> None:
    """Have the wheels of this session's cache lie in the testbed's folder."""
    kept = testbed_folder() / "wheels"
    kept.mkdir(parents=True, exist_ok=True)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    # Test processes that run side by side share the cache.
    with contextlib.suppress(FileExistsError):
        (cache / "wheels").symlink_to(kept)


def make_worker_image(client: docker.DockerClient, base: str) -> str:
    """The name of the image; it is built on the base image where there is none yet."""
    from backfleet.code.hashes import distribution_hashes
    from backfleet_executors.images.build import BuildRequest, build_image

    content = distribution_hashes(["backfleet"])["backfleet"]
    name = f"backfleet-testbed:{content[:16]}"
    if not client.images.list(name=name):
        build_image(client.api, BuildRequest(tag=name, base=base))
    return name
