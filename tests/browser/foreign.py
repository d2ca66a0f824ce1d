"""Pages of somebody else, who would like a visitor's browser to act for them."""

import html
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from demo.stack import CERTIFICATE


@contextmanager
def page(host: str, target: str, key: Path | None = None) -> Iterator[str]:
    """Serves a page whose form posts a note to `target`; gives its address. Https with a `key`.

    A form cannot send JSON, but text that reads as JSON.
    """
    name, value = '{"text": "planted by another site", "rest": "', '"}'
    page = (
        f"<!doctype html><title>You have won</title>"
        f'<form method="post" enctype="text/plain" action="{html.escape(target)}">'
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        f"<button>Take your prize</button></form>"
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if key:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'https' if key else 'http'}://{host}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
