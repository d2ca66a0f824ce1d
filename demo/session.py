"""What Next.js's server does: it logs a user in at the relay and gives the browser a cookie that
only names the session."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import redis

from demo.cookie import COOKIE_NAME, session_cookie
from demo.stack import User


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

    @property
    def refresh_id(self) -> str:
        """The refresh token's `jti`."""
        return claims(self.refresh)["jti"]


@dataclass(frozen=True)
class Session:
    """A session that was begun, and the `Cookie` header that names it."""

    id: str = field(repr=False)
    cookie: str = field(repr=False)
    expires_at: int

    @property
    def key(self) -> str:
        """Its record's key in Redis."""
        return f"session:{self.id}"


def obtain(django: httpx.Client, user: User) -> Tokens:
    """Tokens, straight from Django."""
    answer = django.post("/api/token/", json=credentials(user)).raise_for_status().json()
    return Tokens(answer["access"], answer["refresh"])


def credentials(user: User) -> dict[str, str]:
    """What Django's token endpoint takes, and so the relay's login."""
    return {"username": user.name, "password": user.password}


def log_in(internal: httpx.Client, auth_secret: str, user: User) -> Session:
    """What NextAuth's `authorize` and its cookie do: the relay's login gives a session id, and the
    id goes into the encrypted cookie."""
    answer = internal.post("/auth/login", json=credentials(user)).raise_for_status().json()
    lifetime = answer["expires_at"] - int(time.time())
    value = session_cookie(auth_secret, answer["session_id"], user.name, lifetime)
    return Session(answer["session_id"], f"{COOKIE_NAME}={value}", answer["expires_at"])


def log_out(internal: httpx.Client, session: Session) -> httpx.Response:
    """What NextAuth's `signOut` event does."""
    return internal.post("/auth/logout", json={"session_id": session.id})


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
