"""Translation of errors of S3 and of boto3 into errors of the store, with advice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backfleet.errors import (
    AccessDenied,
    CorruptObject,
    NoSuchStore,
    ObjectMissing,
    StoreError,
    StoreFull,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

__all__ = ["broke_off", "cannot_tag", "is_conflict", "is_out_of_range", "is_taken", "s3_errors"]

_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or log in with `aws sso login`"
)
_EXPIRED = (
    "the credentials have expired; renew them (`aws sso login`, or a new session token) and resume "
    "the run"
)
_REGION = "the bucket lies in another region; set AWS_DEFAULT_REGION to the bucket's"
_UNREACHABLE = (
    "the endpoint cannot be reached; check the network, the proxy and AWS_ENDPOINT_URL, then resume"
)
_BUSY = "S3 throttled every attempt; wait a minute and resume the run with fewer workers"
_BROKEN = "the connection was lost on every attempt; check the network and resume the run"

_ADVICE = {
    # S3's error codes
    "NoSuchBucket": "there is no such bucket; correct the URL, or create the bucket (`aws s3 mb`)",
    "InvalidBucketName": "this is not a valid name of a bucket; correct the URL",
    "AccessDenied": "these credentials may not do this; a store needs s3:GetObject and "
    "s3:PutObject on the prefix and s3:ListBucket on the bucket (without the last a missing object "
    "is denied too), and s3:DeleteObject to remove runs",
    "InvalidAccessKeyId": f"the access key is unknown; {_CREDENTIALS}",
    "SignatureDoesNotMatch": f"the secret key does not belong to the access key; {_CREDENTIALS}",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "RequestTimeTooSkewed": "the clock of this machine is wrong, and S3 checks it; set the clock",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "NotImplemented": "the endpoint has no conditional writes, which a store needs to write an "
    "object exactly once; use another endpoint or a directory",
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalError": _BUSY,
    "ConditionalRequestConflict": "other writers changed the same object on every attempt; "
    "resume the run",
    # botocore's exceptions
    "NoCredentialsError": f"no credentials were found; {_CREDENTIALS}",
    "PartialCredentialsError": f"the credentials are incomplete; {_CREDENTIALS}",
    "CredentialRetrievalError": f"the credentials could not be fetched; {_CREDENTIALS}",
    "ProfileNotFound": "AWS_PROFILE names a profile that ~/.aws/config does not have; correct it",
    "SSOError": _EXPIRED,
    "TokenRetrievalError": _EXPIRED,
    "LoginError": _EXPIRED,
    "ConnectionClosedError": _BROKEN,
    "ResponseStreamingError": _BROKEN,
    "IncompleteReadError": _BROKEN,
    "ReadTimeoutError": "the endpoint did not answer in time; check the network and resume the run",
    "SSLError": "the endpoint's certificate is not trusted; set AWS_CA_BUNDLE to the authority's",
    "ProxyConnectionError": _UNREACHABLE,
    "ConnectionError": _UNREACHABLE,
}
_KINDS = {
    "NoSuchBucket": NoSuchStore,
    "InvalidBucketName": NoSuchStore,
    "AccessDenied": AccessDenied,
}
_INSUFFICIENT_STORAGE = 507


@contextmanager
def s3_errors(url: str) -> Iterator[None]:
    """Turn what boto3 raises inside the block into a StoreError that names `url`."""
    from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

    try:
        yield
    except FlexibleChecksumError as error:
        raise CorruptObject(f"{url}: the content does not match its checksum ({error})") from error
    except ClientError as error:
        raise _explain(error, url) from error
    except BotoCoreError as error:
        # botocore's exceptions have subclasses for each case; the first base class with advice is
        # used.
        names = (kind.__name__ for kind in type(error).__mro__)
        raise StoreError(_sentence(url, _advice(*names), error)) from error


def is_taken(error: ClientError) -> bool:
    """The answer to a conditional write: the key is taken."""
    # 412 is the answer to `IfNoneMatch` if there is an object.
    return _status(error) == 412


def is_out_of_range(error: ClientError) -> bool:
    """The answer to a read of a range that begins behind the end of the object."""
    return _status(error) == 416


def cannot_tag(error: ClientError) -> bool:
    """The answer to a write with a tag that the role or the endpoint may not allow."""
    return error.response["Error"]["Code"] in ("AccessDenied", "NotImplemented")


def is_conflict(error: Exception) -> bool:
    """The answer to a write that met another one: neither may be stored, so try again."""
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError) and _status(error) == 409


def broke_off(error: Exception) -> bool:
    """An answer that ended early or came altered, which boto3 itself does not ask for again."""
    from botocore.exceptions import (
        FlexibleChecksumError,
        IncompleteReadError,
        ReadTimeoutError,
        ResponseStreamingError,
    )

    kinds = (FlexibleChecksumError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
    return isinstance(error, kinds)


def _explain(error: ClientError, url: str) -> StoreError:
    code = error.response["Error"]["Code"]
    # Checked before the table, because a missing object is an ordinary answer for its caller.
    if code == "NoSuchKey":
        return ObjectMissing(f"{url}: there is no such object")
    if _status(error) == _INSUFFICIENT_STORAGE:
        return StoreFull(_sentence(url, "the endpoint has no space left; free some", error))
    return _KINDS.get(code, StoreError)(_sentence(url, _advice(code), error))


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def _advice(*names: str) -> str:
    return next((_ADVICE[name] for name in names if name in _ADVICE), "S3 failed")


def _sentence(url: str, advice: str, error: Exception) -> str:
    return f"{url}: {advice} ({error})"
