"""Roles and bucket policies are enforced: who may not do what a request asks gets 403.

Requests to S3, AWS Batch and CloudWatch Logs are decided about. Each deployment hands over the
statements of its template with `/testbed/policies`. The access key of a request says whose it is:
that of the tests may do everything, in the template's place, and so may everybody in buckets and
queues that no deployment governs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from moto.s3.models import s3_backends

from .batch_requests import asked
from .policies import Policies, Request, UnknownPolicy, is_allowed

__all__ = ["ENFORCED", "Deployment", "Enforced"]

OTHERS = ("batch", "logs")
"""Services whose requests name their resources in the body."""

DENIED_ERROR = "AccessDeniedException"
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/[^/,]+/[^/,]+/([^/,]+)/aws4_request")
_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied'
    b"</Message></Error>"
)
_BUCKET_ACTIONS = {
    "list-type": "s3:ListBucket",
    "location": "s3:GetBucketLocation",
    "encryption": "s3:GetEncryptionConfiguration",
    "policy": "s3:GetBucketPolicy",
    "tagging": "s3:GetBucketTagging",
}
"""Requests to a bucket by their query parameter."""

_Start = Callable[..., Any]


@dataclass(frozen=True)
class Deployment:
    """Buckets, and the statements that govern them.

    Attributes
    ----------
    roles
        Statements by access key.
    buckets
        Statements of the bucket policies by bucket.
    names
        Names of its queues, job definitions and log groups.
    """

    roles: Mapping[str, Sequence[Mapping[str, Any]]]
    buckets: Mapping[str, Sequence[Mapping[str, Any]]]
    names: Sequence[str] = ()


@dataclass
class Enforcement:
    """The deployments that were handed over, and what the evaluator did not know."""

    deployments: list[Deployment] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, body: bytes) -> None:
        self.deployments.append(Deployment(**json.loads(body)))

    def of_bucket(self, bucket: str) -> Deployment | None:
        return next((one for one in reversed(self.deployments) if bucket in one.buckets), None)

    def of_names(self, names: Sequence[str]) -> Deployment | None:
        """The deployment that has one of these resources; the newest for requests without one."""
        known = (
            one for one in reversed(self.deployments) if not names or set(names) & set(one.names)
        )
        return next(known, None)

    def allows(self, access_key: str, bucket: str, requests: Iterable[Request]) -> bool:
        deployment = self.of_bucket(bucket)
        if deployment is None or access_key not in deployment.roles:
            return True
        return self._allows(
            Policies(deployment.roles[access_key], deployment.buckets[bucket]), requests
        )

    def allows_names(
        self, access_key: str, names: Sequence[str], requests: Iterable[Request]
    ) -> bool:
        deployment = self.of_names(names)
        if deployment is None or access_key not in deployment.roles:
            return True
        return self._allows(Policies(deployment.roles[access_key]), requests)

    def _allows(self, policies: Policies, requests: Iterable[Request]) -> bool:
        try:
            return all(is_allowed(policies, request) for request in requests)
        except UnknownPolicy as error:
            self.faults.append(str(error))
            return False


ENFORCED = Enforcement()


class Enforced:
    """Asks the policies before S3 does anything."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: _Start) -> Iterable[bytes]:
        credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if credential is None or credential[2] not in ("s3", *OTHERS):
            return self._app(environ, start_response)
        if credential[2] in OTHERS:
            return self._decided(environ, start_response, credential[1], credential[2])
        bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
        requests = list(_s3_requests(environ, bucket, key))
        if not ENFORCED.allows(credential[1], bucket, requests):
            return _deny(start_response)
        # Who may not list the bucket does not learn which objects it lacks. The request that is
        # decided about then has no prefix.
        listing = Request("s3:ListBucket", f"arn:aws:s3:::{bucket}", _SECURE)
        is_open = not key or ENFORCED.allows(credential[1], bucket, [listing])
        return self._answer(environ, start_response, is_open)

    def _decided(
        self, environ: dict[str, Any], start_response: _Start, access_key: str, service: str
    ) -> Iterable[bytes]:
        question = asked(service, environ, _body(environ))
        if ENFORCED.allows_names(access_key, question.names, question.requests):
            return self._app(environ, start_response)
        first = question.requests[0]
        message = (
            f"User: arn:aws:iam::123456789012:user/{access_key} is not authorized to perform: "
            f"{first.action} on resource: {first.resource} because no identity-based policy "
            f"allows the {first.action} action"
        )
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", DENIED_ERROR)]
        start_response("403 Forbidden", headers)
        return [json.dumps({"__type": DENIED_ERROR, "message": message}).encode()]

    def _answer(
        self, environ: dict[str, Any], start_response: _Start, is_open: bool
    ) -> Iterable[bytes]:
        started: list[Any] = []
        body = [*self._app(environ, lambda *answer: started.append(answer))]
        status = started[0][0]
        if status.startswith("404") and not is_open:
            return _deny(start_response)
        start_response(*started[0])
        return body


_SECURE = {"aws:SecureTransport": "true"}


def _s3_requests(environ: dict[str, Any], bucket: str, key: str) -> Iterator[Request]:
    """Return the actions that a request needs. Raises UnknownPolicy for one that nobody knows."""
    method = environ["REQUEST_METHOD"]
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    arn = f"arn:aws:s3:::{bucket}"
    if key:
        yield from _encryption(method, bucket)
        yield Request(_object_action(method, query), f"{arn}/{key}", _context(environ, query))
        if "HTTP_X_AMZ_TAGGING" in environ:
            yield Request("s3:PutObjectTagging", f"{arn}/{key}", _SECURE)
        return
    if method == "POST" and "delete" in query:
        for name in re.findall(rb"<Key>([^<]*)</Key>", _body(environ)):
            yield Request("s3:DeleteObject", f"{arn}/{name.decode()}", _SECURE)
        return
    known = (action for name, action in _BUCKET_ACTIONS.items() if name in query)
    action = next(known, "s3:ListBucket" if method in ("GET", "HEAD") else f"s3:{method}Bucket")
    prefix = {"s3:prefix": query["prefix"][0]} if "prefix" in query else {}
    yield Request(action, arn, _SECURE | prefix)


def _encryption(method: str, bucket: str) -> Iterator[Request]:
    """What S3 asks of KMS in the name of who asks, if the bucket has a key of the account's own."""
    for backend in s3_backends["123456789012"].values():
        encryption = backend.buckets[bucket].encryption if bucket in backend.buckets else None
        rule = (encryption or {}).get("Rule", {})
        key = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
        if key and method in ("GET", "PUT", "POST"):
            action = "kms:Decrypt" if method == "GET" else "kms:GenerateDataKey"
            yield Request(action, key, {"kms:ViaService": "s3.us-east-1.amazonaws.com"})
            return


def _object_action(method: str, query: Mapping[str, list[str]]) -> str:
    if method == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"
    action = "s3:GetObject" if method in ("GET", "HEAD") else "s3:PutObject"
    return f"{action}Tagging" if "tagging" in query else action


def _context(environ: dict[str, Any], query: Mapping[str, list[str]]) -> dict[str, str]:
    context = dict(_SECURE)
    if environ["REQUEST_METHOD"] in ("PUT", "POST"):
        is_piece = "partNumber" in query or "uploads" in query
        context["s3:ObjectCreationOperation"] = "false" if is_piece else "true"
    if "HTTP_IF_NONE_MATCH" in environ:
        context["s3:if-none-match"] = environ["HTTP_IF_NONE_MATCH"]
    return context


def _body(environ: dict[str, Any]) -> bytes:
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(content)
    return content


def _deny(start_response: _Start) -> Iterable[bytes]:
    start_response("403 Forbidden", [("Content-Type", "application/xml")])
    return [_DENIED]
