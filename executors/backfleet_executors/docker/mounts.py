"""Directories of this machine that containers see, each at the path that it has outside.

So no path in a record has to be rewritten, and a message of a worker names a path that its reader
can open.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from backfleet.executor import Submission

__all__ = ["Binding", "bindings", "is_path", "mount_problems"]

SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr")
"""What every image brings; nothing is mounted there, nor below."""

SCRATCH = "/tmp"


@dataclass(frozen=True)
class Binding:
    """A directory or file that containers see, at `target`."""

    source: str
    target: str
    writable: bool = False


def is_path(place: str) -> bool:
    """Whether data or a store is a directory, not a URL."""
    return "://" not in place


def bindings(submission: Submission, mounts: Iterable[str]) -> list[Binding]:
    """The run's own part of the store, writable; its data and what settings name, read-only."""
    run = submission.url.rpartition("/submissions/")[0]
    own = [Binding(run, run, writable=True)] if is_path(run) else []
    data = [os.path.abspath(place) for place in submission.data if is_path(place)]
    own += [Binding(path, path) for path in data]
    return [*own, *map(_named, mounts)]


def _named(mount: str) -> Binding:
    source, _, target = mount.partition(":")
    path = os.path.abspath(Path(source).expanduser())
    return Binding(path, target or path)


def mount_problems(mounts: Sequence[Binding], image: Mapping[str, Any]) -> list[str]:
    """Why some of them cannot be mounted, each a sentence.

    Parameters
    ----------
    image
        What the engine says of the image.
    """
    own = [PurePosixPath(folder) for folder in _folders_of(image)]
    problems = []
    for binding in mounts:
        if not PurePosixPath(binding.target).is_absolute():
            problems.append(f"mounts: {binding.target} is not an absolute path to mount at")
        elif covered := _covered(PurePosixPath(binding.target), own):
            problems.append(
                f"{binding.source} cannot be mounted: in a container it would cover {covered} of "
                "the image; move it elsewhere, such as below /data or /home"
            )
        # The writable one is the run's folder in the store, which is created with the submission.
        elif not os.path.exists(binding.source) and not binding.writable:
            problems.append(f"{binding.source} does not exist, so that it cannot be mounted")
    return problems


def _covered(target: PurePosixPath, own: Sequence[PurePosixPath]) -> PurePosixPath | None:
    """The folder of the image that a mount would hide, or write into."""
    for folder in map(PurePosixPath, SYSTEM):
        if target == folder or folder in target.parents:
            return folder
    # A mount below a folder of the image hides nothing of it; above, it would hide the folder.
    return next((place for place in own if target == place or target in place.parents), None)


def _folders_of(image: Mapping[str, Any]) -> list[str]:
    """Folders that an image lives on: what its environment names, and where it starts."""
    config = image.get("Config") or {}
    values = [entry.partition("=")[2] for entry in config.get("Env") or []]
    folders = [part for value in values for part in value.split(":") if part.startswith("/")]
    return [
        *SYSTEM,
        SCRATCH,
        *folders,
        *filter(None, [(config.get("WorkingDir") or "").rstrip("/")]),
    ]
