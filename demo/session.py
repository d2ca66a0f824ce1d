"""What Next.js's server does: it logs a user in at Django, keeps the tokens in Redis and gives the
browser a cookie that only names the session."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
import redis

from demo.cookie import COOKIE_NAME, session_cookie
from demo.stack import REFRESH_TOKEN_SECONDS, User


@dataclass(frozen=True)
class Tokens:
    """An access and a refresh token, as Django hands them out and as a record holds them."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)

    @property
    def access_exp(self) -> int:
        return claims(self.access)["exp"]

    @property
    def refresh_exp(self) -> int:
        return claims(self.refresh)["exp"]

    @property
    def access_id(self) -> str:
        """The access token's `jti`: names it, and is no secret."""
        return claims(self.access)["jti"]


@dataclass(frozen=True)
class Session:
    """A session that was begun, and the `Cookie` header that names it."""

    key: str = field(repr=False)
    cookie: str = field(repr=False)


def log_in(django: httpx.Client, user: User) -> Tokens:
    """What NextAuth's `authorize` does first."""
    credentials = {"username": user.name, "password": user.password}
    answer = django.post("/api/token/", json=credentials).raise_for_status().json()
    return Tokens(answer["access"], answer["refresh"])


def begin(store: "redis.Redis[str]", auth_secret: str, user: User, tokens: Tokens) -> Session:
    """Stores the record under a new random id, for as long as the refresh token lives, and puts
    the id into a session cookie."""
    session_id = secrets.token_urlsafe(32)
    key = f"session:{session_id}"
    record = {
        "access": tokens.access,
        "refresh": tokens.refresh,
        "access_exp": tokens.access_exp,
        "refresh_exp": tokens.refresh_exp,
    }
    store.set(key, json.dumps(record), exat=tokens.refresh_exp)
    value = session_cookie(auth_secret, session_id, user.name, REFRESH_TOKEN_SECONDS)
    return Session(key, f"{COOKIE_NAME}={value}")


def stored(store: "redis.Redis[str]", session: Session) -> Tokens:
    """The tokens that the record holds now."""
    record = json.loads(store.get(session.key) or "{}")
    return Tokens(record["access"], record["refresh"])


def claims(token: str) -> dict[str, Any]:
    """The payload of a JWT, unverified: for times and names only."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def unsigned_token(payload: dict[str, Any], size: int) -> str:
    """A JWT of about this many characters that nobody but the relay takes for one: it reads the
    times and does not verify."""
    body = _part(payload)
    return f"{_part({'alg': 'HS256'})}.{body}.{'s' * max(1, size - len(body) - 22)}"


def _part(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()
