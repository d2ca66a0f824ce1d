"""One application with all its parts running, and what the tests want to know of them."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from browser import nextauth
from browser.application import Application
from browser.leaks import leaks, sealed_leaks
from browser.seen import Seen
from browser.witness import Witness
from demo.ports import Ports, free_ports
from demo.session import claims
from demo.stack import ROOT, Lifetimes, Stack, User

NEXT_AUTH = {"next-auth-5": 5, "next-auth-4": 4}
SPA = "spa"
NAMES = [*NEXT_AUTH, SPA]

#: Short enough to wait for, long enough for what has to happen while a token is fresh.
_ACCESS_SECONDS = 6


@dataclass(frozen=True)
class Site:
    application: Application
    stack: Stack
    witness: Witness
    user: User

    def session_id(self, context: BrowserContext) -> str:
        """What the browser's cookie names."""
        for cookie in context.cookies():
            name, value = cookie["name"], cookie["value"]
            if name == self.application.id_cookie:
                return value
            if name in nextauth.COOKIES:
                return nextauth.claims(self.stack.secrets.auth, name, value)["sid"]
        raise AssertionError("the browser has no session cookie")

    def end_session(self, context: BrowserContext) -> None:
        """Behind everybody's back, as an administrator might."""
        assert self.stack.redis.delete(f"session:{self.session_id(context)}") == 1

    def access_token(self, context: BrowserContext) -> Mapping[str, Any]:
        """What the session's access token says."""
        record = self.stack.redis.get(f"session:{self.session_id(context)}")
        assert record, "there is no record of the session"
        return claims(json.loads(record)["access"])

    def status(self, page: Page) -> int:
        """What the API says when a script of the page asks it."""
        return page.evaluate(
            """async () => {
                const answer = await fetch("/api/notes/")
                await answer.text()
                return answer.status
            }"""
        )

    def wait_for(self, status: int, page: Page) -> None:
        """Workers remember a session for `cache.max_age`, and try again after a while."""
        until(f"the API answers {status}", lambda: self.status(page) == status)

    def wait_for_expiry(self, context: BrowserContext) -> None:
        """Until the access token has run out."""
        expiry = self.access_token(context)["exp"]
        until("the access token has run out", lambda: time.time() > expiry)

    def refreshes_once(self, context: BrowserContext, scenario: Callable[[], None]) -> None:
        """Runs a scenario just when the access token has run out, and counts at Django: rows of
        its table, and calls in its log.

        Half a lifetime later the next refresh is due, in the background. A scenario that took so
        long is run again; on a machine that is always too slow the count only has a bound.
        """
        for _ in range(3):
            self.wait_for_expiry(context)
            rows = self.stack.outstanding_tokens(self.user.name)
            calls = self.stack.refresh_calls()
            began = time.monotonic()
            scenario()
            rows = self.stack.outstanding_tokens(self.user.name) - rows
            calls = self.stack.refresh_calls() - calls
            due = 1 + int((time.monotonic() - began) / (_ACCESS_SECONDS / 2))
            assert 1 <= rows <= due and 1 <= calls <= due, f"{calls} calls gave {rows} tokens"
            if due == 1:
                return

    @contextmanager
    def without(self, part: str) -> Iterator[None]:
        """While one part, Redis or Django, is down."""
        self.stack.parts.stop(part)
        try:
            yield
        finally:
            start = {"redis": self.stack.run_redis, "django": self.stack.run_django}
            start[part]()

    def leaks(self, everything: list[Seen]) -> list[str]:
        """Everything that the browser got and should not have."""
        secrets = self.witness.secrets(self.stack.folder / "django.sqlite3")
        if self.stack.outstanding_tokens(self.user.name):
            kinds = set(secrets.values())
            assert kinds == {"token", "refresh token", "session id"}, "the witness was blind"
        secrets |= {
            secret: f"secret ({name})" for name, secret in asdict(self.stack.secrets).items()
        }
        found = [*leaks(everything, secrets, self.application.id_cookie)]
        auth = self.stack.secrets.auth
        found += sealed_leaks(everything, secrets, auth, nextauth.COOKIES)
        return sorted(set(found))


@contextmanager
def running(
    name: str, folder: Path, adapt: Callable[[str], str] = lambda bootstrap: bootstrap
) -> Iterator[Site]:
    """Starts all parts of an application, with Envoy's configuration as shipped or adapted."""
    (folder / "logs").mkdir(parents=True)
    next_auth = NEXT_AUTH.get(name)
    shipped = ROOT / ("envoy/envoy.yaml" if next_auth else "examples/spa/envoy.yaml")
    bootstrap = folder / "adapted.yaml"
    bootstrap.write_text(adapt(shipped.read_text()))
    user = User("alice")
    stack = Stack(
        folder,
        Ports(**free_ports(asdict(Ports()))),
        lifetimes=replace(Lifetimes(), access=_ACCESS_SECONDS),
        bootstrap=str(bootstrap),
    )
    with stack.parts:
        stack.start_redis()
        witness = Witness(stack.ports.redis, stack.secrets.redis_admin)
        with witness:
            stack.start_django([user])
            stack.start_envoy()
            stack.start_webdis()
            if next_auth:
                stack.start_nextjs(next_auth)
                application = Application(name, stack.origin, "/notes")
            else:
                application = Application(name, stack.origin, "/", "__Host-session")
            yield Site(application, stack, witness, user)


def until(what: str, ready: Callable[[], bool], within: float = 30) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + within
    while not ready():
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        time.sleep(0.05)
