"""Start, stop and show the testbed by hand: `PYTHONPATH=tests python -m testbed up`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import closing

import docker

from testbed.arm64 import emulated_arm64
from testbed.base_image import BASE_IMAGE, make_base_image
from testbed.engine import private_engine
from testbed.lease import keep
from testbed.process import TestbedError
from testbed.registry import local_registry
from testbed.worker_image import keep_wheels, make_worker_image


def up() -> None:
    """Start the engine and the registry, and make the images and the emulated machine."""
    engine = private_engine()
    engine.start()
    keep(engine)
    with closing(docker.DockerClient(base_url=engine.host, timeout=600)) as client:
        make_base_image(client)
        keep_wheels()
        make_worker_image(client, BASE_IMAGE)
    registry = local_registry()
    registry.start()
    keep(registry)
    emulated_arm64()
    env()


def down() -> None:
    """Stop the registry and the engine, and so all of its containers."""
    local_registry().stop()
    private_engine().stop()


def env() -> None:
    """Print what a shell needs to reach the engine, logged in to the registry."""
    print(f"export DOCKER_HOST={private_engine().host}")
    print(f"export DOCKER_CONFIG={local_registry().docker_config}")


COMMANDS: Mapping[str, Callable[[], None]] = {"up": up, "down": down, "env": env}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        lines = (f"  {name:5} {command.__doc__}" for name, command in COMMANDS.items())
        print("usage: python -m testbed COMMAND", *lines, sep="\n", file=sys.stderr)
        return 2
    try:
        COMMANDS[arguments[0]]()
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
