"""Errors of AWS and boto3 in one sentence: what was done, what is wrong, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.errors import ExecutorError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

__all__ = ["Denial", "aws_errors", "denial_in", "error_code", "explained", "is_transient"]

_CREDENTIALS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with "
    "`aws sso login`"
)
_UNKNOWN_KEY = f"the access key does not exist; {_CREDENTIALS}"
_EXPIRED = (
    "the credentials have expired; renew them (`aws sso login`, or a new session token) and try "
    "again"
)
_BUSY = "AWS throttled every attempt; wait a minute and try again"
_CLOCK = "the clock of this machine is wrong, and AWS checks it; set the clock"
_UNREACHABLE = (
    "the endpoint cannot be reached; check the region, the network, the proxy and AWS_ENDPOINT_URL"
)
_BROKEN = "the connection was lost on every attempt; check the network and try again"
_NO_SERVICE = "this account has not been activated for the service; finish its sign-up"

_ADVICE = {
    # error codes of the services
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "AuthFailure": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": f"the secret key does not belong to the access key; {_CREDENTIALS}",
    "InvalidSignatureException": f"the secret key does not belong to the access key, or {_CLOCK}",
    "RequestTimeTooSkewed": _CLOCK,
    "RequestInTheFuture": _CLOCK,
    "OptInRequired": _NO_SERVICE,
    "SubscriptionRequiredException": _NO_SERVICE,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "TooManyRequestsException": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalFailure": _BUSY,
    "InternalError": _BUSY,
    # botocore's exceptions
    "NoCredentialsError": f"no credentials were found; {_CREDENTIALS}",
    "PartialCredentialsError": f"the credentials are incomplete; {_CREDENTIALS}",
    "CredentialRetrievalError": f"the credentials could not be fetched; {_CREDENTIALS}",
    "ProfileNotFound": "AWS_PROFILE names a profile that ~/.aws/config does not have; correct it",
    "NoRegionError": "no AWS region is set; set AWS_DEFAULT_REGION",
    "SSOError": _EXPIRED,
    "TokenRetrievalError": _EXPIRED,
    "LoginError": _EXPIRED,
    "ConnectionClosedError": _BROKEN,
    "ReadTimeoutError": "the endpoint did not answer in time; check the network and try again",
    "SSLError": "the endpoint's certificate is not trusted; set AWS_CA_BUNDLE to the authority's",
    "ProxyConnectionError": _UNREACHABLE,
    "ConnectionError": _UNREACHABLE,
    "ResponseParserError": "the answer did not come from AWS; check the "
    "proxy, the login page of the network and AWS_ENDPOINT_URL",
}

_DENIED = (
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnauthorizedException",
)
_NOT_AUTHORIZED = re.compile(
    r"(?:User: )?(?P<principal>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on (?:the )?resource: (?P<resource>\S+))?"
    r"(?P<reason> because .+| with an explicit deny.*)?"
)


@dataclass(frozen=True)
class Denial:
    """The caller, action and resource of a denied request. Unknown fields are empty.

    Attributes
    ----------
    principal
        The ARN of the user or the assumed role.
    action
        As a policy names it: `batch:SubmitJob`.
    resource
        An ARN.
    reason
        AWS's own words: which kind of policy lacks it or denies it.
    """

    principal: str = ""
    action: str = ""
    resource: str = ""
    reason: str = ""


def error_code(error: BaseException | None) -> str:
    """Return the service's error code or, for an error of botocore's own, the name of its class."""
    from botocore.exceptions import ClientError

    # Whatever a service refuses is a ClientError, so only the code tells refusals apart.
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "")
    return type(error).__name__


def denial_in(error: Exception) -> Denial | None:
    """Return the denial that an error reports; None for another error."""
    from botocore.exceptions import ClientError

    # The answer to a HEAD request has no body: the code is the HTTP status then.
    if not isinstance(error, ClientError) or error_code(error) not in (*_DENIED, "403"):
        return None
    # Only this sentence names principal, action and resource; other services deny in other words.
    match = _NOT_AUTHORIZED.search(error.response["Error"].get("Message", ""))
    if match is None:
        return Denial()
    return Denial(*(part.strip(" .") for part in match.groups(default="")))


def explained(
    error: BotoCoreError | ClientError | ResponseParserError, doing: str
) -> ExecutorError:
    """Return the error to raise in place of one of boto3's.

    Parameters
    ----------
    error
        What boto3 raised.
    doing
        What was being done, as the beginning of a sentence: "submitting the run 3f2a".
    """
    # First, since its message says more than any advice by code.
    denial = denial_in(error)
    if denial is not None:
        return ExecutorError(f"{doing}: {_advice_on(denial)} ({error})")
    # The most specific first: an SSLError of botocore is a ConnectionError, too.
    names = (error_code(error), *(kind.__name__ for kind in type(error).__mro__))
    advice = next((_ADVICE[name] for name in names if name in _ADVICE), None)
    said = _said(error)
    return ExecutorError(f"{doing}: {advice} ({said})" if advice else f"{doing}: {said}")


def _said(error: Exception) -> str:
    from botocore.parsers import ResponseParserError

    # What cannot be read is a page of its own at times, which botocore appends whole.
    return str(error).partition(":\n")[0] if isinstance(error, ResponseParserError) else str(error)


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn what boto3 raises inside the block into an ExecutorError that says what was done."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise explained(error, doing) from error


def is_transient(error: ExecutorError) -> bool:
    """Return whether an error of `aws_errors` may be over when the request is sent again."""
    from botocore.exceptions import ClientError, HTTPClientError

    # `aws_errors` keeps the error of boto3 as the cause.
    cause = error.__cause__
    if isinstance(cause, HTTPClientError):
        return True
    if not isinstance(cause, ClientError):
        return False
    status = cause.response["ResponseMetadata"]["HTTPStatusCode"]
    # Whatever its status: error codes say Throttling or Throttled.
    return status == 429 or status >= 500 or "hrottl" in str(cause)


def _advice_on(denial: Denial) -> str:
    if not denial.action:
        return "these credentials may not do this; ask for the permission"
    resource = f" on {denial.resource}" if denial.resource else ""
    return f"{denial.principal} may not {denial.action}{resource}; {_mend(denial)}"


def _mend(denial: Denial) -> str:
    # An additional permission changes nothing then.
    if "explicit deny" in denial.reason:
        return "a policy denies it expressly: see which, and whether that is meant"
    # As JSON that can be pasted into a policy.
    resource = denial.resource or "*"
    return (
        'its policy lacks {"Effect": "Allow", '
        f'"Action": "{denial.action}", "Resource": "{resource}"}}{_where_it_stands(denial.action)}'
    )


def _where_it_stands(action: str) -> str:
    """Return the words that name the policy of a stack which has the action; empty if none has."""
    # Imported here, because the modules of the stack import this one.
    from backfleet_executors.aws.stack.deployer import is_deployers
    from backfleet_executors.aws.stack.roles import SUBMITTER

    for statement in SUBMITTER:
        if action in statement.get("Action", ()):
            return (
                f"; the statement {statement['Sid']} of the role for submitters allows it, which "
                "'backfleet aws status' names"
            )
    if is_deployers(action):
        return "; 'backfleet aws policy' prints all that deploying takes"
    return ""
