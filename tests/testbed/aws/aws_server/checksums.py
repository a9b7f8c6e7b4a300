"""S3 compares an object's content with the checksum that came with it; moto believes it."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse

__all__ = ["Checked"]

BAD_DIGEST = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>BadDigest</Code><Message>The SHA256 you '
    b"specified did not match the calculated checksum.</Message></Error>"
)


class Checked:
    """Refuses a write whose SHA-256 is another than its header says."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        claimed = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
        if environ["REQUEST_METHOD"] == "PUT" and claimed:
            content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(content)
            if base64.b64encode(hashlib.sha256(content).digest()).decode() != claimed:
                start_response("400 Bad Request", [("Content-Type", "application/xml")])
                return [BAD_DIGEST]
        return self._app(environ, start_response)
