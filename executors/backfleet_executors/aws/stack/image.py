"""The workers' image, built of what is installed here and pushed to the stack's repository."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.errors import aws_errors, error_code
from backfleet_executors.aws.image_records import ARCHITECTURE
from backfleet_executors.aws.stack.stacks import Stack

if TYPE_CHECKING:
    from backfleet_executors.docker.image import Image

__all__ = ["ImageBuilder", "is_up_to_date"]

OWN = "backfleet"
LOCAL_TAG = "backfleet:latest"
TAG_LENGTH = 16
"""Of the image's id, which makes its tag: another content is another tag."""


def is_up_to_date(image: str, bucket: str) -> bool:
    """Whether an image, by digest, is known to hold backfleet as it is installed here.

    Parameters
    ----------
    bucket
        The URL of the results bucket, which has the records of images.
    """
    from backfleet.sdk import distribution_hashes
    from backfleet_executors.aws.image_records import image_inventory

    try:
        inventory = image_inventory(image, bucket)
    except ExecutorError:
        # Nobody has recorded it, and there is no engine to ask.
        return False
    return inventory.get(OWN) == distribution_hashes([OWN])[OWN]


class ImageBuilder:
    """Builds with the Docker engine, which is asked for at once: before anything is changed.

    Parameters
    ----------
    base
        The image to begin from; empty for Python's own.

    Raises
    ------
    ExecutorError
        If there is no Docker SDK or no engine, or the base image is for other machines than those
        that the stack's workers run on.
    """

    def __init__(self, clients: Clients, show: Callable[[str], None], base: str) -> None:
        from backfleet_executors.docker.client import connect
        from backfleet_executors.images.build import BASE_IMAGE, BuildRequest, prepare_base

        self._clients = clients
        self._show = show
        self.base = base
        self._request = BuildRequest(
            tag=LOCAL_TAG, base=base or BASE_IMAGE, platform=f"linux/{ARCHITECTURE}"
        )
        try:
            self._engine = connect()
        except ExecutorError as error:
            raise ExecutorError(
                f"the image cannot be built here: {error}; or pass --image "
                "REGISTRY/REPOSITORY@sha256:... of one that was pushed from elsewhere, or "
                "--keep-image"
            ) from error
        try:
            prepare_base(self._engine, self._request, show)
        except ExecutorError:
            self.close()
            raise

    def build_and_push(self, stack: Stack) -> str:
        """The image's name by digest in the stack's repository. Raises ExecutorError."""
        from backfleet_executors.images.build import build_image
        from backfleet_executors.images.push import push_image

        built = build_image(self._engine, self._request, self._show)
        uri = self._repository_uri(stack.outputs["Repository"])
        tag = built.id.removeprefix("sha256:")[:TAG_LENGTH]
        # The tags of the repository are immutable, and the same content has the same tag.
        there = self._digest_of(stack.outputs["Repository"], tag)
        if there:
            self._remember(there, built)
            return f"{uri}@{there}"
        self._log_in()
        self._show(f"pushing {uri}:{tag}")
        return push_image(self._engine, built.id, f"{uri}:{tag}")

    def close(self) -> None:
        self._engine.close()

    def _repository_uri(self, repository: str) -> str:
        with aws_errors(f"looking for the repository {repository}"):
            answer = self._clients.ecr.describe_repositories(repositoryNames=[repository])
        return answer["repositories"][0]["repositoryUri"]

    def _digest_of(self, repository: str, tag: str) -> str:
        """The digest under this tag, which was pushed earlier and cannot be pushed again."""
        from botocore.exceptions import ClientError

        with aws_errors(f"looking for the image in the repository {repository}"):
            try:
                answer = self._clients.ecr.describe_images(
                    repositoryName=repository, imageIds=[{"imageTag": tag}]
                )
            except ClientError as error:
                if error_code(error) == "ImageNotFoundException":
                    return ""
                raise
        return answer["imageDetails"][0]["imageDigest"]

    def _log_in(self) -> None:
        """Log the engine's client in to ECR; nothing of it is written to a file."""
        from backfleet_executors.docker.client import engine_errors

        with aws_errors("asking ECR for a token"):
            (data,) = self._clients.ecr.get_authorization_token()["authorizationData"]
        # The token is "AWS:<password>" in Base64.
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        # The engine names registries by their host, without https://.
        registry = data["proxyEndpoint"].partition("://")[2]
        with engine_errors(f"log in to {registry}"):
            self._engine.login(user, password, registry=registry, reauth=True)

    def _remember(self, digest: str, built: Image) -> None:
        from backfleet_executors.images.inventory import record_of, remember_record

        # `push_image` keeps a record of what it pushes, and this image was not pushed here.
        record = record_of(built.facts)
        if record is not None:
            remember_record(digest, record)
