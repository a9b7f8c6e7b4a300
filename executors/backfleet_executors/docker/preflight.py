"""Problems that would make a submission to a Docker engine fail, found before the start."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backfleet.executor import Submission
from backfleet_executors.docker.client import engine_errors, engine_host, is_local
from backfleet_executors.docker.image import ImageMissing, find_image, is_in_registry
from backfleet_executors.docker.mounts import bindings, mount_problems
from backfleet_executors.docker.settings import DockerSettings

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["problems_of"]


def problems_of(client: APIClient, settings: DockerSettings, submission: Submission) -> list[str]:
    """Problems, each a sentence; changes nothing."""
    with engine_errors("describe itself"):
        engine = client.info()
    return [
        *_image_problems(client, settings, submission),
        *_size_problems(engine, submission),
        *_place_problems(submission),
        *(
            f"environment: {name} is not set here"
            for name in settings.environment
            if name not in os.environ
        ),
    ]


def _image_problems(
    client: APIClient, settings: DockerSettings, submission: Submission
) -> Sequence[str]:
    mounts = bindings(submission, settings.mounts)
    try:
        facts = find_image(client, settings.image).facts
    except ImageMissing as error:
        if is_in_registry(settings.image):
            # It is pulled when it is needed; what it holds shows then.
            return mount_problems(mounts, {})
        return [str(error)]
    if not (facts.get("Config") or {}).get("Entrypoint"):
        return [
            f"the image {settings.image} does not start backfleet (it has no entrypoint); "
            "'backfleet image build' makes one that does"
        ]
    return mount_problems(mounts, facts)


def _size_problems(engine: Mapping[str, Any], submission: Submission) -> Sequence[str]:
    problems = []
    memory, cpus = int(engine["MemTotal"]), int(engine["NCPU"])
    if submission.memory > memory:
        problems.append(
            f"resources.memory is {submission.memory / 2**30:.1f} GiB, "
            f"and the engine's machine has {memory / 2**30:.1f} GiB"
        )
    if submission.cpus > cpus:
        problems.append(f"resources.cpus is {submission.cpus}, and the engine's machine has {cpus}")
    return problems


def _place_problems(submission: Submission) -> Sequence[str]:
    host = engine_host()
    mounts = bindings(submission, ())
    if is_local(host) or not mounts:
        return []
    return [
        f"the engine at {host} runs on another machine, which does not see {mounts[0].source}; "
        "data and store must be s3:// there"
    ]
