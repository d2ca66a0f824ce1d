"""A page that leaks, in every place where a page can, so that the recorder can prove itself."""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

#: Where something is planted, and what the recorder says about where it was.
PLACES = {
    "page": "the body of GET {origin}/",
    "compressed": "the body of GET {origin}/compressed",
    "json": "the body of POST {origin}/json",
    "redirect": "connection ",
    "header": "answer header x-planted",
    "redirect header": "answer header x-redirected",
    "cookie": "answer header set-cookie of GET {origin}/: planted",
    "cookie store": "the stored cookie planted",
    "script's cookie": "document.cookie",
    "localStorage": "localStorage and IndexedDB",
    "sessionStorage": "sessionStorage",
    "IndexedDB": "localStorage and IndexedDB",
    "caches": "caches",
    "document": "the document",
    "console": "console",
    "request header": "request header x-sent",
    "address": "the address of",
    "window.name": "window.name",
    "history.state": "history.state",
    "websocket": "a frame of",
}

_SCRIPT = """
const planted = JSON.parse(document.getElementById("planted").textContent)
const text = (place) => planted[place].join(" ")
document.getElementById("planted").remove()

async function plant() {
    planted["script's cookie"].forEach((it, n) => document.cookie = `own${n}=${it}`)
    localStorage.setItem("a", text("localStorage"))
    sessionStorage.setItem("a", text("sessionStorage"))
    await (await caches.open("a")).put("/cached", new Response(text("caches")))
    document.body.append(text("document"))
    console.log(text("console"))
    window.name = text("window.name")
    history.replaceState(text("history.state"), "")
    await fetch("/compressed")
    const headers = {"x-sent": text("request header")}
    await (await fetch("/json", {method: "POST", headers})).json()
    await fetch("/away")
    await fetch("/empty?" + planted["address"].map(encodeURIComponent).join("&"))
    const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket")
    await new Promise((done) => socket.onmessage = done)
    await new Promise((done) => {
        const opening = indexedDB.open("a")
        const store = () => opening.result.createObjectStore("a")
        opening.onupgradeneeded = () => store().put(text("IndexedDB"), "a")
        opening.onsuccess = done
    })
    document.title = "planted"
}
plant()
"""
#: What the script plants, of what the page tells it.
_BY_SCRIPT = [
    "script's cookie",
    "localStorage",
    "sessionStorage",
    "IndexedDB",
    "caches",
    "document",
    "console",
    "request header",
    "address",
    "window.name",
    "history.state",
]


@contextmanager
def page(planted: dict[str, list[str]]) -> Iterator[str]:
    """Serves the page; gives its origin."""

    class Handler(_Handler):
        texts = planted

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    texts: dict[str, list[str]]

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/":
                script = json.dumps({place: self.texts[place] for place in _BY_SCRIPT})
                body = (
                    f"<!doctype html><title>…</title><!-- {self._text('page')} --><body>"
                    f'<script id="planted" type="application/json">{script}</script>'
                    f'<script type="module">{_SCRIPT}</script>'
                )
                cookies = [
                    (f"{name}{number}", text)
                    for name, place in [("planted", "cookie"), ("planted-", "cookie store")]
                    for number, text in enumerate(self.texts[place])
                ]
                headers = [("set-cookie", f"{name}={text}; HttpOnly") for name, text in cookies]
                headers += [("x-planted", text) for text in self.texts["header"]]
                self._answer(200, body, [("content-type", "text/html"), *headers])
            case "/compressed":
                body = gzip.compress(self._text("compressed").encode())
                self._answer(200, body, [("content-encoding", "gzip")])
            case "/away":
                headers = [("x-redirected", text) for text in self.texts["redirect header"]]
                self._answer(302, self._text("redirect"), [("location", "/empty"), *headers])
            case "/socket":
                self._socket(self._text("websocket").encode())
            case _:
                self._answer(200, "")

    def do_POST(self) -> None:
        self._answer(200, json.dumps(self.texts["json"]))

    def _text(self, place: str) -> str:
        return " ".join(self.texts[place])

    def _answer(
        self, status: int, body: str | bytes, headers: list[tuple[str, str]] | None = None
    ) -> None:
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers or []:
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _socket(self, text: bytes) -> None:
        """RFC 6455: one frame, and that is it."""
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_header("sec-websocket-accept", accept)
        self.end_headers()
        self.wfile.write(b"\x81\x7e" + len(text).to_bytes(2, "big") + text)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass
