"""A browser whose every tab is on record."""

import json
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    WebSocket,
)

from browser import netlog
from browser.chromium import launch
from browser.seen import Seen

#: How long the slowest machine may take for one step, in milliseconds.
PATIENCE = 30_000

_STORED = """async () => {
    const cached = []
    for (const name of await caches.keys())
        for (const request of await (await caches.open(name)).keys()) {
            const answer = await caches.match(request)
            cached.push([request.url, [...answer.headers], await answer.text()])
        }
    const workers = await navigator.serviceWorker.getRegistrations()
    return {
        "localStorage": JSON.stringify({...localStorage}),
        "sessionStorage": JSON.stringify({...sessionStorage}),
        "caches": JSON.stringify(cached),
        "service workers": workers.map((it) => it.scope).join(),
        "window.name": window.name,
        "history.state": JSON.stringify(history.state),
        "document.cookie": document.cookie,
    }
}"""


class Recorder:
    """One browser, one user's cookies. `everything` is complete after `close`."""

    def __init__(self, playwright: Playwright, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder
        self._log = folder / f"{name}.netlog.json"
        self._seen: list[Seen] = []
        self._browser: Browser = launch(playwright, netlog.arguments(self._log))
        self.context: BrowserContext = self._browser.new_context(
            # The certificate is self-made.
            ignore_https_errors=True,
            viewport={"width": 900, "height": 640},
            service_workers="allow",
        )
        self.context.set_default_timeout(PATIENCE)
        self.context.tracing.start(screenshots=False, snapshots=True)
        self.context.on("page", self._follow)
        self.context.on("console", self._overhear)

    def tab(self) -> Page:
        return self.context.new_page()

    def keep(self, page: Page, what: str) -> None:
        """A screenshot of a state that is worth a look."""
        page.screenshot(path=self._folder / f"{self.name}-{what}.png", full_page=True)
        self.look()

    def look(self) -> None:
        """Puts on record what is stored now, and what the tabs show."""
        for cookie in self.context.cookies():
            name = cookie["name"]
            self._add(f"the stored cookie {name}", cookie["value"], cookie=name)
        state = self.context.storage_state(indexed_db=True)
        self._add("localStorage and IndexedDB", json.dumps(state["origins"], ensure_ascii=False))
        for page in self.context.pages:
            if not page.url.startswith("http"):
                continue
            self._add("the address bar", page.url)
            self._add(f"the document {page.url}", page.content())
            for place, text in page.evaluate(_STORED).items():
                self._add(f"{place} of {page.url}", text)

    def close(self, trace: Path | None = None) -> None:
        """Ends the browser; keeps its trace if somebody wants to look into it."""
        try:
            self.look()
            self.context.tracing.stop(path=trace)
        finally:
            self._browser.close()
        self._seen += netlog.read(self._log)
        self._log.unlink()

    @property
    def everything(self) -> list[Seen]:
        return self._seen

    def _add(self, where: str, what: str | bytes, cookie: str | None = None) -> None:
        self._seen.append(Seen(where, what, cookie))

    def assert_complete(self) -> None:
        """The network's log was read, down to bodies: a search of nothing finds nothing."""
        places = [seen.where for seen in self._seen]
        for beginning in ["request header", "answer header", "the body of", "connection"]:
            assert any(place.startswith(beginning) for place in places), f"no {beginning}"

    def _overhear(self, message: ConsoleMessage) -> None:
        where = f"console of {message.page.url if message.page else 'a page'}"
        self._add(where, message.text)
        for argument in message.args:
            # The text of an object is a preview.
            with suppress(Error):
                self._add(where, json.dumps(argument.json_value(), default=str))

    def _follow(self, page: Page) -> None:
        page.on("websocket", self._follow_socket)
        page.on("pageerror", lambda it: self._add(f"an error of {page.url}", str(it)))

    def _follow_socket(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda it: self._add(f"a frame of {socket.url}", it))
        socket.on("framesent", lambda it: self._add(f"a frame to {socket.url}", it))
