"""The story. Every step checks what it says; the first that is not so ends it."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

from demo.session import Session, Tokens, log_in, log_out, obtain, stored
from demo.stack import WORKERS, Stack, User
from demo.terminal import Terminal

PARALLEL = 50
# `cache.max_age`: a worker may use a record for so long without asking Redis again.
CACHE_SECONDS = 2.0


class StoryError(Exception):
    """Something was not as the story says."""


def claim(is_so: bool, what: str) -> None:
    """Raises StoryError unless it is so."""
    if not is_so:
        raise StoryError(what)


class Story:
    """Tells and checks one step after the other."""

    def __init__(self, stack: Stack, terminal: Terminal, next_auth: int | None) -> None:
        """`next_auth`: the version of the application that is started as well, if any."""
        self._stack = stack
        self._terminal = terminal
        self._next_auth = next_auth
        self._alice = User("alice")
        self._bob = User("bob")

    def tell(self) -> None:
        """All of it."""
        self._start()
        laptop = self._log_in()
        self._call_with_the_cookie_only(laptop)
        self._replace_authorization(laptop)
        self._refuse_strangers(laptop)
        phone = self.new_session()
        self._wait_until_expired(laptop, phone)
        self._refresh_once(laptop)
        self._refresh_once_for_many(phone)
        self._log_out(phone)

    @property
    def user(self) -> User:
        """Whom the story is about."""
        return self._alice

    def new_session(self) -> Session:
        """Alice logs in once more."""
        return log_in(self._stack.internal, self._stack.secrets.auth, self._alice)

    # ------------------------------------------------------------------------------- the steps

    def _start(self) -> None:
        stack, ports = self._stack, self._stack.ports
        self._terminal.title("Starting the parts")
        starts: list[tuple[str, Callable[[], None]]] = [
            (f"Redis    127.0.0.1:{ports.redis}", stack.start_redis),
            (f"Django   127.0.0.1:{ports.django}", self._start_django),
            (f"Envoy    127.0.0.1:{ports.envoy}, and {ports.internal} inside", stack.start_envoy),
            (f"Webdis   127.0.0.1:{ports.webdis}", stack.start_webdis),
        ]
        if self._next_auth is not None:
            next_auth = self._next_auth
            name = f"Next.js  127.0.0.1:{ports.nextjs}, with next-auth {next_auth}"
            starts.append((name, lambda: stack.start_nextjs(next_auth)))
        for name, start in starts:
            start()
            self._terminal.result(name)

    def _start_django(self) -> None:
        self._stack.start_django([self._alice, self._bob])

    def _log_in(self) -> Session:
        """Relay → Django → tokens → Redis; the browser gets a cookie."""
        self._terminal.title("1. Alice logs in")
        self._terminal.tell(
            "What a Next.js server does, done here by hand: it sends Alice's password to the "
            "relay's login, on Envoy's internal listener, and gets a session id. The tokens that "
            "Django issues go into Redis; neither Next.js nor the browser ever sees one."
        )
        session = self.new_session()
        tokens = stored(self._stack.redis, session)
        claim(tokens.access not in session.cookie, "the cookie holds the access token")
        left = self._stack.seconds_left(session.key)
        claim(
            abs(left - (tokens.refresh_exp - time.time())) < 2,
            "the record does not live as long as the refresh token",
        )
        claim(session.expires_at == tokens.refresh_exp, "the login names another expiry")
        self._terminal.result(
            f"Redis keeps an access token that lives {self._stack.lifetimes.access} s and a "
            "refresh token that lives a day and works once, under a random session id."
        )
        self._terminal.result(
            f"The cookie is an encrypted JWT of {len(session.cookie)} characters, "
            "as NextAuth v5 makes it. It holds the id, and no token."
        )
        return session

    def _call_with_the_cookie_only(self, session: Session) -> None:
        self._terminal.title("2. The browser calls the API with its cookie, and nothing else")
        answer = self._get("/api/whoami/")
        claim(_problem(answer) == (401, "no_session"), f"no cookie: {_seen(answer)}")
        self._terminal.result("Without the cookie: 401 no_session, Django is not even asked.")

        answer = self._whoami(session)
        self._claim_alice(answer, stored(self._stack.redis, session))
        self._terminal.result(
            "With the cookie: 200, and Django says alice. It was shown the very token in Redis "
            "(compared by its jti)."
        )

    def _replace_authorization(self, session: Session) -> None:
        self._terminal.title("3. The client's own Authorization is replaced")
        bobs = obtain(self._stack.django, self._bob)
        header = {"authorization": f"Bearer {bobs.access}"}
        direct = self._stack.django.get("/api/whoami/", headers=header)
        claim(
            direct.status_code == 200 and direct.json()["username"] == "bob",
            f"Bob's token, straight to Django: {_seen(direct)}",
        )
        self._terminal.tell(
            "Bob's access token is a good one: sent straight to Django it is 200 bob."
        )

        answer = self._get("/api/whoami/", {"cookie": session.cookie, **header})
        self._claim_alice(answer, stored(self._stack.redis, session))
        self._terminal.result("Through Envoy, with Alice's cookie and Bob's token: 200 alice.")

        answer = self._get("/api/whoami/", header)
        claim(_problem(answer) == (401, "no_session"), f"only Bob's token: {_seen(answer)}")
        self._terminal.result("Through Envoy, with Bob's token and no cookie: 401 no_session.")

    def _refuse_strangers(self, session: Session) -> None:
        self._terminal.title("4. A cookie goes along with requests of other sites, too")
        headers = {"cookie": session.cookie}
        note = {"text": "written with a cookie"}

        forged = {**headers, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        answer = self._post("/api/notes/", forged, note)
        claim(_problem(answer) == (403, "cross_site"), f"from another site: {_seen(answer)}")
        self._terminal.result("A POST from another site's page: 403 cross_site.")

        own = {**headers, "sec-fetch-site": "same-origin"}
        answer = self._post("/api/notes/", own, note)
        claim(answer.status_code == 201, f"from its own page: {_seen(answer)}")
        self._terminal.result("A POST from the application's own page: 201, the note is written.")

        answer = self._post("/api/token/refresh/", own, {"refresh": "anything"})
        claim(answer.status_code == 404, f"the token endpoint, from outside: {_seen(answer)}")
        self._terminal.result("Django's token endpoints, from outside: 404.")

    def _wait_until_expired(self, *sessions: Session) -> None:
        self._terminal.title(f"5. {self._stack.lifetimes.access} seconds without a click")
        self._terminal.tell(
            "Meanwhile Alice has logged in on her phone as well. Now both access tokens run out."
        )
        expires = max(stored(self._stack.redis, session).access_exp for session in sessions)
        # Django counts in whole seconds; the one it names is already too late.
        while (left := expires + 1 - time.time()) > 0:
            self._stack.parts.check()
            self._terminal.countdown(f"… {left:.0f} s")
            time.sleep(min(left, 0.5))
        self._terminal.countdown_over()
        for session in sessions:
            token = stored(self._stack.redis, session).access
            direct = self._stack.django.get(
                "/api/whoami/", headers={"authorization": f"Bearer {token}"}
            )
            claim(direct.status_code == 401, f"an expired token: {_seen(direct)}")
        self._terminal.result("Both tokens in Redis are dead: Django answers 401 to them.")

    def _refresh_once(self, session: Session) -> None:
        self._terminal.title("6. The next request refreshes, and the browser does not notice")
        before = stored(self._stack.redis, session)
        count = _Refreshes(self._stack, self._alice)
        began = time.monotonic()
        answer = self._whoami(session)
        took = (time.monotonic() - began) * 1000
        after = self._written_back(session, before)

        self._claim_alice(answer, after)
        claim(after.refresh != before.refresh, "the record still holds the spent refresh token")
        count.claim_exactly_one()
        claim("set-cookie" not in answer.headers, "the answer sets a cookie")
        self._terminal.result(f"One request with the same cookie: 200 alice, after {took:.0f} ms.")
        self._terminal.result(
            "Redis holds a new access token and a new refresh token; the cookie stayed as it was."
        )

    def _refresh_once_for_many(self, session: Session) -> None:
        self._terminal.title(f"7. {PARALLEL} requests at once on the phone's expired token")
        self._terminal.tell(
            "Its refresh token works once. Whoever presents it a second time loses the session, "
            f"and there are {WORKERS} Envoy workers that share no memory."
        )
        before = stored(self._stack.redis, session)
        count = _Refreshes(self._stack, self._alice)
        began = datetime.now(timezone.utc)
        answers = self._many(session)
        after = self._written_back(session, before)

        statuses = Counter(answer.status_code for answer in answers)
        claim(statuses == {200: PARALLEL}, f"the answers were {dict(statuses)}")
        for answer in answers:
            self._claim_alice(answer, after)
        rows, calls = count.claim_exactly_one()
        self._terminal.result(
            f"{PARALLEL} answers, all of them 200 alice, all with the same new token."
        )
        self._terminal.result(
            f"Django's OutstandingToken table: {rows} more row. gunicorn's log: {calls} call of "
            "/api/token/refresh/. Exactly one refresh."
        )
        lines = self._access_log(began, PARALLEL)
        verdicts = Counter(str(line["verdict"]) for line in lines).most_common()
        workers = len({line["worker"] for line in lines})
        told = ", ".join(f"{word} {number}" for word, number in verdicts)
        self._terminal.result(
            f"Envoy's access log: {workers} of {WORKERS} workers took part; where they had the "
            f"token from: {told}."
        )

    def _log_out(self, session: Session) -> None:
        self._terminal.title("8. Alice logs out")
        tokens = stored(self._stack.redis, session)
        claim(self._whoami(session).status_code == 200, "the session had ended before")
        began = time.monotonic()
        answer = log_out(self._stack.internal, session)
        claim(answer.status_code == 204, f"the logout: {_seen(answer)}")
        claim(not self._stack.redis.exists(session.key), "the record is still there")
        self._terminal.tell(
            "Next.js's server calls the relay's logout, which deletes the record in Redis and "
            "revokes the refresh token. The browser may keep its cookie: it names nothing any more."
        )
        while not self._stack.is_revoked(tokens.refresh_id):
            claim(time.monotonic() < began + 5, "the refresh token is not revoked")
            time.sleep(0.05)
        self._terminal.result("Redis has forgotten the session, Django has revoked its tokens.")
        while (answer := self._whoami(session)).status_code == 200:
            claim(
                time.monotonic() - began < 2 * CACHE_SECONDS,
                "a worker still uses a record that is long gone",
            )
            time.sleep(0.05)
        took = time.monotonic() - began
        claim(_problem(answer) == (401, "session_ended"), f"after the logout: {_seen(answer)}")
        self._terminal.result(
            f"{took:.1f} s later the same cookie gets 401 session_ended (a worker may use a record "
            f"for {CACHE_SECONDS:.0f} s without asking: cache.max_age)."
        )
        claim(not self._stack.redis.exists(session.key), "the record is back")

    # ----------------------------------------------------------------------------- small helps

    def _get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._stack.browser.get(path, headers=headers)

    def _post(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> httpx.Response:
        return self._stack.browser.post(path, headers=headers, json=body)

    def _whoami(self, session: Session) -> httpx.Response:
        return self._get("/api/whoami/", {"cookie": session.cookie})

    def _many(self, session: Session) -> list[httpx.Response]:
        """As many requests as threads, all sent when all are ready, each on its own connection."""
        ready = threading.Barrier(PARALLEL)

        def call(_: int) -> httpx.Response:
            with self._stack.new_browser() as browser:
                ready.wait(timeout=30)
                return browser.get("/api/whoami/", headers={"cookie": session.cookie})

        with ThreadPoolExecutor(PARALLEL) as threads:
            return list(threads.map(call, range(PARALLEL)))

    def _written_back(self, session: Session, before: Tokens) -> Tokens:
        """The record's new tokens. Requests do not wait for the write-back, so an answer can be
        here a little earlier than the record."""
        deadline = time.monotonic() + 2
        while (after := stored(self._stack.redis, session)).access == before.access:
            claim(time.monotonic() < deadline, "the record still holds the old access token")
            time.sleep(0.01)
        return after

    def _claim_alice(self, answer: httpx.Response, tokens: Tokens) -> None:
        """Django saw Alice, and exactly these tokens."""
        claim(answer.status_code == 200, _seen(answer))
        seen = answer.json()
        claim(seen["username"] == "alice", f"Django saw {seen['username']}")
        claim(seen["jti"] == tokens.access_id, "Django saw another token than the one in Redis")

    def _access_log(self, began: datetime, count: int) -> list[dict[str, Any]]:
        """What Envoy logged about the requests since then; it writes a little later."""
        # Envoy's times are in whole milliseconds.
        began -= timedelta(milliseconds=1)
        deadline = time.monotonic() + 5
        while True:
            text = self._stack.access_log.read_text()
            whole_lines = text[: text.rfind("\n") + 1].splitlines()
            lines = [json.loads(line) for line in whole_lines]
            lines = [line for line in lines if _time(line["time"]) >= began]
            if len(lines) >= count:
                return lines
            claim(time.monotonic() < deadline, f"Envoy logged {len(lines)} requests")
            time.sleep(0.05)


class _Refreshes:
    """Counts refreshes where they happen, at Django: from its table and from gunicorn's log."""

    def __init__(self, stack: Stack, user: User) -> None:
        self._stack = stack
        self._user = user
        self._rows = stack.outstanding_tokens(user.name)
        self._calls = stack.refresh_calls()

    def claim_exactly_one(self) -> tuple[int, int]:
        """The new rows and calls: one each."""
        rows = self._stack.outstanding_tokens(self._user.name) - self._rows
        calls = self._stack.refresh_calls() - self._calls
        claim((rows, calls) == (1, 1), f"{rows} new refresh tokens after {calls} refresh calls")
        return rows, calls


def _problem(answer: httpx.Response) -> tuple[int, str | None]:
    """Status and code of an answer of the relay's own."""
    if answer.headers.get("content-type") != "application/problem+json":
        return answer.status_code, None
    return answer.status_code, answer.json().get("code")


def _time(text: str) -> datetime:
    """Envoy's %START_TIME%, e.g. 2026-01-31T12:00:00.000Z."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def _seen(answer: httpx.Response) -> str:
    """What an answer was, for the text of an error; not its body, which may hold anything."""
    status, code = _problem(answer)
    return f"the answer was {status}" + (f" {code}" if code else "")
