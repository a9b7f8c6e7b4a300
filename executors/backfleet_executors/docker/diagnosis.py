"""The findings of `backfleet doctor` about a Docker engine and the image."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.executor import Finding, FindingStatus, trial_submission
from backfleet_executors.docker.client import connect, engine_errors, engine_host, is_local
from backfleet_executors.docker.container import LABEL, ContainerPlan, create_container, owner
from backfleet_executors.docker.image import ImageMissing, find_image
from backfleet_executors.docker.mounts import bindings
from backfleet_executors.docker.settings import DockerSettings

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["diagnose", "diagnose_live"]

MIN_FREE_BYTES = 5 * 2**30
"""Bytes: an image takes about 1 GiB unpacked, and is built beside the one before."""

LIMITS = {
    "MemoryLimit": "resources.memory",
    "CpuCfsQuota": "resources.cpus",
    "PidsLimit": "the setting pids",
}
"""What the engine must be able to limit, and what it is limited by."""


def diagnose(settings: DockerSettings) -> Iterator[Finding]:
    """Changes nothing."""
    try:
        client = connect()
    except ExecutorError as error:
        yield _failure("engine", str(error))
        return
    with engine_errors("describe itself"):
        info = client.info()
    cpus, memory = info["NCPU"], info["MemTotal"] / 2**30
    about = f"{info['ServerVersion']} at {engine_host()}, {cpus} CPUs, {memory:.1f} GiB"
    yield Finding("engine", FindingStatus.OK, about)
    yield from _limits(info)
    yield from _disk(info)
    yield from _image(client, settings)
    yield from _leftovers(client)


def diagnose_live(settings: DockerSettings) -> Iterator[Finding]:
    """Starts a container as a worker's is started, and removes it."""
    try:
        client = connect()
        with tempfile.TemporaryDirectory() as folder:
            yield _try_container(client, settings, Path(folder))
    except ExecutorError as error:
        yield _failure("container", str(error))


def _limits(info: Mapping[str, Any]) -> Iterator[Finding]:
    for key, what in LIMITS.items():
        if not info.get(key):
            text = f"the engine cannot limit containers to {what}"
            fix = "its machine's kernel lacks the cgroup controller for it"
            yield Finding("limits", FindingStatus.WARNING, text, fix)


def _disk(info: Mapping[str, Any]) -> Iterator[Finding]:
    folder = info.get("DockerRootDir", "")
    if not is_local(engine_host()) or not os.path.isdir(folder):
        return
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GiB free in {folder}"
    if free < MIN_FREE_BYTES:
        fix = "'docker system prune' removes unused images and containers"
        yield Finding("images' disk", FindingStatus.WARNING, text, fix)
    else:
        yield Finding("images' disk", FindingStatus.OK, text)


def _image(client: APIClient, settings: DockerSettings) -> Iterator[Finding]:
    try:
        image = find_image(client, settings.image)
    except ImageMissing:
        fix = "backfleet image build, or name another one in the setting image"
        yield _failure("image", f"there is no image {settings.image}", fix)
        return
    from backfleet_executors.docker.freshness import compare_code

    yield replace(compare_code(image), subject="image")


def _leftovers(client: APIClient) -> Iterator[Finding]:
    with engine_errors("list containers"):
        mine = client.containers(all=True, filters={"label": f"{LABEL}owner={owner()}"})
    running = sum(facts["State"] == "running" for facts in mine)
    if mine:
        text = f"{running} running, {len(mine) - running} ended and not yet read"
        yield Finding("containers", FindingStatus.OK, text)


def _try_container(client: APIClient, settings: DockerSettings, folder: Path) -> Finding:
    (folder / "submissions").mkdir()
    submission = trial_submission(str(folder), memory=2**30)
    image = find_image(client, settings.image)
    plan = ContainerPlan(submission, settings, image, bindings(submission, settings.mounts))
    began = time.monotonic()
    with engine_errors(f"start a container of {settings.image}"):
        container = create_container(client, plan, [0], ["--version"])
        try:
            client.start(container)
            code = client.wait(container)["StatusCode"]
            said = client.logs(container).decode("utf-8", "replace").strip()
        finally:
            client.remove_container(container, force=True)
    if code:
        return _failure("container", f"it ended with exit code {code}: {said}")
    seconds = time.monotonic() - began
    return Finding(
        "container", FindingStatus.OK, f"started, said '{said}' and ended in {seconds:.1f} s"
    )


def _failure(subject: str, text: str, fix: str = "") -> Finding:
    return Finding(subject, FindingStatus.FAILURE, text, fix)
