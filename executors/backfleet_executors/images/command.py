"""`backfleet image`: the image that workers in containers run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["image"]


@click.group()
def image() -> None:
    """Build and push the image that workers in containers run."""


@image.command()
@click.option(
    "extra",
    "--with",
    multiple=True,
    metavar="DIST|PATH",
    help="An installed distribution, a wheel or a project's folder to add; can be repeated.",
)
@click.option("--tag", default="backfleet:latest", show_default=True, help="The image's name.")
@click.option("--base", metavar="IMAGE", help="The base image.  [default: python:X.Y-slim]")
@click.option(
    "--platform",
    type=click.Choice(["linux/amd64", "linux/arm64"]),
    help="The platform of the image.  [default: the engine's platform]",
)
def build(extra: tuple[str, ...], tag: str, base: str | None, platform: str | None) -> None:
    """Build an image of backfleet and of strategy packages.

    The image holds them as they are installed here. Edits of a strategy need no new image, because
    backfleet ships its code to the workers. Packages with compiled parts or with dependencies of
    their own have to be in the image.
    """
    # Deferred: `backfleet --help` lists this command without importing what it needs.
    from backfleet_executors.images.build import BASE_IMAGE, BuildRequest, build_image

    began = time.monotonic()
    request = BuildRequest(extra, tag, base or BASE_IMAGE, platform or "")
    with _engine() as client:
        built = build_image(client, request, _tell)
    size = built.facts["Size"] / 2**20
    _tell(f"{tag} is {built.id}, {size:.0f} MiB, built in {time.monotonic() - began:.0f} s")


@image.command()
@click.argument("repository", metavar="REGISTRY/REPO[:TAG]")
@click.option(
    "--image", "name", default="backfleet:latest", show_default=True, help="The image to push."
)
def push(repository: str, name: str) -> None:
    """Push the image and print its name by digest.

    Executors take this name as their setting `image`.
    """
    from backfleet_executors.images.push import push_image

    with _engine() as client:
        # The name goes to standard output and everything else to standard error, so that a script
        # can use it.
        click.echo(push_image(client, name, repository))


@contextmanager
def _engine() -> Iterator[APIClient]:
    from backfleet_executors.docker.client import connect

    client = connect()
    try:
        yield client
    finally:
        client.close()


def _tell(line: str) -> None:
    click.echo(line, err=True)
