import base64
import json
import os
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

REFRESH = "/api/token/refresh/"


class Presentations:
    """Notes each refresh: when it came and when its answer was ready."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.file = os.open(os.environ["STACK_PRESENTATIONS"], flags, 0o600)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != REFRESH or request.method != "POST":
            return self.get_response(request)
        call = uuid.uuid4().hex
        claims = _claims(request.body)
        self._note(
            call=call,
            jti=claims.get("jti"),
            user=claims.get("user_id"),
            by=request.headers.get("x-presented-by", ""),
        )
        response = self.get_response(request)
        self._note(
            call=call, status=response.status_code, next=_claims(response.content).get("jti")
        )
        return response

    def _note(self, **values: Any) -> None:
        line = json.dumps({"at": round(time.time() * 1000), **values})
        os.write(self.file, f"{line}\n".encode())


def _claims(body: bytes) -> dict[str, Any]:
    """The claims of the refresh token in a JSON body; nothing where there is none."""
    try:
        payload = json.loads(body)["refresh"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}
