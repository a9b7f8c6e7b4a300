"""Records of the workers' images, by digest, in the results bucket of a stack.

Whoever pushes an image knows its inventory. `deploy` writes it to `images/<digest>.json`, so that
every machine that submits can read it: a notebook, a CI job and a colleague's laptop have neither
the image nor the cache of the machine that pushed it.
"""

from __future__ import annotations

from collections.abc import Mapping

from backfleet.errors import ExecutorError, ObjectMissing
from backfleet.sdk import encode_record, read_record
from backfleet.store import Store, open_store
from backfleet_executors.images.inventory import (
    IMAGE,
    ImageRecord,
    cached_record,
    engine_record,
    image_digest,
)

__all__ = [
    "ARCHITECTURE",
    "ARM64",
    "IMAGES",
    "bucket_of",
    "find_record",
    "image_inventory",
    "publish_record",
]

ARCHITECTURE, ARM64 = "amd64", "arm64"
"""The architectures of the main stack and of that for ARM64, as Docker names them."""

IMAGES = "images"
"""The prefix of the results bucket under which the records are."""


def image_inventory(
    image: str, store: str | None, architecture: str = ARCHITECTURE
) -> Mapping[str, str]:
    """Return content hashes by distribution of an image.

    Parameters
    ----------
    store
        URL of the stack's store, whose bucket has the record; None to look on this machine only.
    architecture
        That of the workers.

    Raises
    ------
    ExecutorError
        If nobody has recorded it, or it is for another architecture.
    """
    record = find_record(image, bucket_of(store) if store else None)
    # Before the Docker engine is asked, which a machine that submits need not have.
    if record is not None:
        return _fitting(image, record, architecture).inventory
    try:
        record = engine_record(image)
        # Or the image that it has carries no inventory.
        reason = "the Docker engine here does not have it"
    except ExecutorError as error:
        reason = str(error)
    if record is None:
        where = f"{bucket_of(store)}/{IMAGES} has no record of it, " if store else ""
        raise ExecutorError(
            f"the inventory of the image {image} is not known: {where}it was not pushed from this "
            f"machine, and {reason}. Run 'backfleet aws deploy --keep-image' on the machine that "
            "pushed it, or 'docker pull' it here"
        )
    return _fitting(image, record, architecture).inventory


def find_record(image: str, bucket: str | None) -> ImageRecord | None:
    """Return the record of an image from the user's cache or from a bucket; None without one.

    Parameters
    ----------
    bucket
        The URL of a results bucket.

    Raises
    ------
    CorruptObject, StoreError
        If the record cannot be read.
    """
    record = cached_record(image)
    # A tag can come to mean another image, so that records are kept by digest alone.
    # The cache first: a record of a digest never changes.
    if record is None and bucket is not None and image_digest(image):
        try:
            return read_record(open_store(bucket), _key(image), ImageRecord, IMAGE)
        except ObjectMissing:
            return None
    return record


def publish_record(image: str, bucket: str) -> bool:
    """Write the record of an image to a bucket, unless it is there.

    Returns False if this machine does not know the image and the bucket has no record.

    Raises
    ------
    ExecutorError
        If the bucket has another record of this image.
    CorruptObject, StoreError
        If it cannot be read or written.
    """
    store = open_store(bucket)
    record = cached_record(image) or _engine_record_or_none(image)
    # Nothing to write, but another machine may have written it before.
    if record is None:
        return find_record(image, bucket) is not None
    # Two machines may publish at once: one record stays, and the other must equal it.
    if not store.put_if_absent(_key(image), encode_record(IMAGE, record)):
        _check_equal(store, image, record)
    return True


def bucket_of(store: str) -> str:
    """Return the URL of the bucket that a store is in."""
    # The scheme, an empty part, and the bucket.
    return "/".join(store.split("/")[:3])


def _fitting(image: str, record: ImageRecord, architecture: str) -> ImageRecord:
    """Raise ExecutorError for an image of another architecture than the compute environments'."""
    if record.architecture != architecture:
        raise ExecutorError(
            f"the image {image} is for {record.architecture}, and the workers run on "
            f"{architecture}. Build it with 'backfleet image build --platform linux/{architecture}'"
        )
    return record


def _check_equal(store: Store, image: str, record: ImageRecord) -> None:
    if read_record(store, _key(image), ImageRecord, IMAGE) != record:
        raise ExecutorError(
            f"{store.url}/{_key(image)} has another inventory than the image {image}. Find out who "
            "wrote it, delete it, and deploy again"
        )


def _engine_record_or_none(image: str) -> ImageRecord | None:
    try:
        return engine_record(image)
    except ExecutorError:
        return None


def _key(image: str) -> str:
    return f"{IMAGES}/{image_digest(image).removeprefix('sha256:')}.json"
