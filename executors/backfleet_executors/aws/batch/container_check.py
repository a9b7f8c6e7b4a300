"""`backfleet aws container-check`: what a container of `doctor --live` finds out about itself.

It runs with the role, the network and the image of workers, and prints one line per fact.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from types import FrameType

import click

__all__ = [
    "ALIVE",
    "ALLOWED",
    "DENIED",
    "READY",
    "REFUSED",
    "VERSION",
    "WRITTEN",
    "ZONE",
    "container_check",
    "decisive_versions",
]

ALIVE, READY, VERSION, ZONE = "alive", "ready", "version", "zone"
ALLOWED, REFUSED = "allowed", "refused"
WRITTEN, DENIED = "written", "denied"
"""First words of the lines. ALLOWED and DENIED are as they should be, REFUSED and WRITTEN not."""

METADATA = "ECS_CONTAINER_METADATA_URI_V4"
MAX_WAIT_SECONDS = 600.0
PAUSE_SECONDS = 0.5


@click.command("container-check", hidden=True)
@click.option("--store", metavar="S3-URL", help="Try writes to this store.")
@click.option("--exit", "code", type=int, help="End with this exit code.")
@click.option("--grace", type=float, help="Wait for SIGTERM, and go on for this many seconds.")
def container_check(store: str | None, code: int | None, grace: float | None) -> None:
    """Print what a container can do. 'doctor --live' starts it with the role of workers."""
    _say(ZONE, _zone())
    for name, number in decisive_versions().items():
        _say(VERSION, f"{name} {number}")
    if store is not None:
        for word, key in _writes(store):
            _say(word, key)
    if grace is not None:
        _wait_for_the_end(grace)
    sys.exit(code or 0)


def decisive_versions() -> Mapping[str, str]:
    """Return the versions that a run's plan and its workers must have in common."""
    from importlib.metadata import version

    from backfleet.sdk import DECISIVE

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, **{name: version(name) for name in DECISIVE}}


def _say(word: str, text: str) -> None:
    click.echo(f"{word} {text}")
    sys.stdout.flush()


def _zone() -> str:
    """Return the availability zone of the task, as ECS states it; `unknown` elsewhere."""
    place = os.environ.get(METADATA)
    if not place:
        return "unknown"
    with urllib.request.urlopen(f"{place}/task", timeout=10) as answer:
        return str(json.load(answer).get("AvailabilityZone", "unknown"))


def _writes(store: str) -> Iterator[tuple[str, str]]:
    """Try one write that is a worker's to do, and some that are not."""
    from backfleet.store import KEYS

    # A fresh name, because no check can delete what an earlier one has written.
    run = f"doctor-live/{secrets.token_hex(8)}"
    yield _write(store, f"{run}/chunks/000000.0", (ALLOWED, REFUSED))
    bucket = "/".join(store.split("/")[:3])
    # One key for each kind of object that a worker could forge or spoil.
    for url, key in (
        (store, f"{run}/manifest.json"),
        (store, f"{run}/submissions/1.handle.json"),
        (store, f"{run}/results.parquet"),
        (bucket, f"{KEYS}/all/doctor-live"),
        (bucket, "images/doctor-live.json"),
        (bucket, "teams/doctor-live/runs/0/chunks/000000.0"),
    ):
        yield _write(url, key, (WRITTEN, DENIED))


def _write(url: str, key: str, words: tuple[str, str]) -> tuple[str, str]:
    from backfleet.errors import StoreError
    from backfleet.store import open_store

    try:
        open_store(url).put_if_absent(key, b"doctor --live")
    except StoreError as error:
        # The name of the error tells a denial from a network that failed.
        return words[1], f"{key} ({type(error).__name__})"
    return words[0], key


def _wait_for_the_end(grace: float) -> None:
    stopped: list[float] = []

    def note(number: int, frame: FrameType | None) -> None:
        stopped.append(time.monotonic())

    # Before the line that `doctor --live` waits for: it stops the container when it has read it.
    signal.signal(signal.SIGTERM, note)
    _say(READY, "for SIGTERM")
    end = time.monotonic() + MAX_WAIT_SECONDS
    # The first signal starts the count, however many follow.
    while time.monotonic() < (stopped[0] + grace if stopped else end):
        time.sleep(PAUSE_SECONDS)
        if stopped:
            _say(ALIVE, f"{time.monotonic() - stopped[0]:.1f}")
