"""The command line's choices for a stack, as parameters of the template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from backfleet.errors import ExecutorError
from backfleet_executors.aws.stack.parameters import PARAMETERS
from backfleet_executors.aws.stack.zones import LETTERS

__all__ = ["StackChoices", "check_image"]

_IMAGE = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class StackChoices:
    """None leaves a parameter as it is, in a new stack at its default.

    Attributes
    ----------
    image
        The workers' image, by digest.
    base
        The image that the workers' image begins from; empty for Python's own.
    vpc, subnets
        Where workers get their addresses; empty for a network of the stack's own.
    zones
        The availability zones of the stack's own network.
    private
        No public addresses.
    spot
        Whether there is a Spot queue.
    max_vcpus
        vCPU that run at once.
    log_days
        Days that logs are kept.
    email
        Who gets news; empty for nobody.
    curator
        Whether there is a role that can remove runs.
    notebook
        Whether there is a SageMaker notebook.
    data_bucket, results_bucket, repository
        Ones that are there already; empty for the stack's own.
    kms_key
        The ARN of a key for what the stack stores; empty for AWS's own encryption.
    repository_key
        The same for the repository, whose key cannot be changed.
    bucket_keys
        ARNs of all keys that encrypt its buckets.
    boundary
        The ARN of a policy that bounds every role; empty for none.
    tags
        Tags of the stack and of its resources.
    role
        The ARN of the role by which CloudFormation acts.
    set_data_policy, set_results_policy
        Whether a bucket's policy is the stack's; that of one that the user brings is theirs.
    """

    image: str | None = None
    base: str | None = None
    vpc: str | None = None
    subnets: str | None = None
    zones: Sequence[str] | None = None
    private: bool | None = None
    spot: bool | None = None
    max_vcpus: int | None = None
    log_days: int | None = None
    email: str | None = None
    curator: bool | None = None
    notebook: bool | None = None
    data_bucket: str | None = None
    results_bucket: str | None = None
    repository: str | None = None
    kms_key: str | None = None
    repository_key: str | None = None
    bucket_keys: Sequence[str] | None = None
    boundary: str | None = None
    tags: Mapping[str, str] | None = None
    role: str | None = None
    set_data_policy: bool | None = None
    set_results_policy: bool | None = None

    def parameters(self, current: Mapping[str, str]) -> dict[str, str]:
        """All parameters: those chosen, else as they are now, else the template's defaults."""
        defaults = {name: str(parameter["Default"]) for name, parameter in PARAMETERS.items()}
        # A stack of another version may have parameters that this template lacks, and
        # CloudFormation refuses those.
        kept = {name: value for name, value in current.items() if name in defaults}
        return defaults | kept | self._chosen()

    def _chosen(self) -> dict[str, str]:
        values = {
            "Image": self.image,
            "BaseImage": self.base,
            "VpcId": self.vpc,
            "SubnetIds": self.subnets,
            "Private": self.private,
            "Spot": self.spot,
            "MaxVcpus": self.max_vcpus,
            "LogDays": self.log_days,
            "Email": self.email,
            "WithCurator": self.curator,
            "WithNotebook": self.notebook,
            "DataBucketName": self.data_bucket,
            "ResultsBucketName": self.results_bucket,
            "SetDataPolicy": self.set_data_policy,
            "SetResultsPolicy": self.set_results_policy,
            "RepositoryName": self.repository,
            "KmsKey": self.kms_key,
            "RepositoryKey": self.repository_key,
            "BucketKeys": None if self.bucket_keys is None else ",".join(self.bucket_keys),
            "PermissionsBoundary": self.boundary,
        }
        # Empty text and an empty list are choices: they lead back to the stack's own.
        chosen = {name: _text(value) for name, value in values.items() if value is not None}
        return chosen | (_zone_parameters(self.zones) if self.zones is not None else {})


def _zone_parameters(zones: Sequence[str]) -> dict[str, str]:
    # The letters without a zone are emptied, so that fewer zones than before leave none behind.
    return {f"Zone{letter}": zone for letter, zone in zip_longest(LETTERS, zones, fillvalue="")}


def check_image(image: str) -> None:
    """Raise ExecutorError unless the image is named by its digest."""
    if not _IMAGE.fullmatch(image):
        raise ExecutorError(
            f"--image {image!r}: name the image by its digest, REGISTRY/REPOSITORY@sha256:..., "
            "for a tag can come to mean another image; 'backfleet image push' prints it"
        )


def _text(value: str | int | bool) -> str:
    # CloudFormation takes texts only, and the switches of the template are "true" and "false".
    return str(value).lower() if isinstance(value, bool) else str(value)
