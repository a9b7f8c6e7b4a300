"""ECR, whose images lie in a real registry on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.ecr.models import Repository
from moto.ecr.responses import ECRResponse

__all__ = ["mend_registry"]

_make = Repository.__init__
_token = ECRResponse.get_authorization_token


def mend_registry(address: str) -> None:
    """Have repositories lie in the registry at `host:port`, and tokens name it."""

    def make(self: Repository, *arguments: Any, **keywords: Any) -> None:
        _make(self, *arguments, **keywords)
        self.uri = f"{address}/{self.name}"

    def token(self: ECRResponse) -> Any:
        answer = _token(self)
        for authorization in answer.result["authorizationData"]:  # typed as object
            authorization["proxyEndpoint"] = f"http://{address}"
            authorization["expiresAt"] = datetime.now(UTC) + timedelta(hours=12)
        return answer

    setattr(Repository, "__init__", make)  # noqa: B010
    setattr(ECRResponse, "get_authorization_token", token)  # noqa: B010
