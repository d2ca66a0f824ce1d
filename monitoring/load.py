"""Users of the demo: some click all the time, some come back after a while with several tabs."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from demo.session import Session, log_in, log_out
from demo.stack import Stack, User

TABS = 6


class Load:
    """So many users at once, while the `with` block lasts."""

    def __init__(self, stack: Stack, users: list[User]) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(user, number))
            for number, user in enumerate(users)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _live(self, user: User, number: int) -> None:
        chance = random.Random(number)
        busy = number % 2 == 0
        session: Session | None = None
        with self._stack.new_browser() as browser:
            while not self._over.wait(chance.uniform(0.05, 0.5) if busy else chance.uniform(6, 16)):
                try:
                    session = self._act(browser, user, session, chance, busy)
                except httpx.HTTPError:
                    # A part is down: that is what this is about.
                    self._over.wait(0.5)

    def _act(
        self,
        browser: httpx.Client,
        user: User,
        session: Session | None,
        chance: random.Random,
        busy: bool,
    ) -> Session | None:
        """One thing that a user does; returns the session that the user has then."""
        if session is None:
            return log_in(self._stack.internal, self._stack.secrets.auth, user)
        dice = chance.random()
        if dice < 0.01:
            log_out(self._stack.internal, session).raise_for_status()
            return None
        cookie = session.cookie if dice > 0.03 else None
        if busy or cookie is None:
            statuses = [_status(browser, cookie)]
        else:
            with ThreadPoolExecutor(TABS) as tabs:
                statuses = list(tabs.map(lambda _: _status(browser, cookie), range(TABS)))
        return None if cookie is not None and 401 in statuses else session


def _status(browser: httpx.Client, cookie: str | None) -> int:
    headers = {} if cookie is None else {"cookie": cookie}
    return browser.get("/api/whoami/", headers=headers).status_code
