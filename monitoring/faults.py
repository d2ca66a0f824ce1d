"""What goes wrong during the run, one thing after the other."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx

from demo.ports import HOST, is_free
from demo.processes import Part
from demo.stack import Stack


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    #: Does it, and returns how it is mended.
    begin: Callable[[], Callable[[], None]]


def all_faults(stack: Stack) -> list[Fault]:
    """In the order in which they happen."""
    return [
        Fault("Redis stands still", lambda: _freeze(stack.parts.named("redis"))),
        Fault("Django stands still", lambda: _freeze(stack.parts.named("django"))),
        Fault("Django is killed and down", lambda: _kill_django(stack)),
        Fault("a maintenance page in place of Django", lambda: _maintenance(stack)),
        Fault("somebody spends the refresh tokens", lambda: _steal(stack)),
        Fault("somebody writes nonsense into Redis", lambda: _spoil(stack)),
    ]


def _freeze(part: Part) -> Callable[[], None]:
    part.send(signal.SIGSTOP)
    return lambda: part.send(signal.SIGCONT)


def _kill_django(stack: Stack) -> Callable[[], None]:
    _end_django(stack)
    return stack.run_django


def _end_django(stack: Stack) -> None:
    part = stack.parts.named("django")
    part.send(signal.SIGKILL)
    part.process.wait()
    # Its workers go a moment later.
    while not is_free(stack.ports.django):
        time.sleep(0.05)


def _maintenance(stack: Stack) -> Callable[[], None]:
    _end_django(stack)
    server = ThreadingHTTPServer((HOST, stack.ports.django), _Maintenance)
    thread = Thread(target=server.serve_forever)
    thread.start()

    def mend() -> None:
        server.shutdown()
        server.server_close()
        thread.join()
        stack.run_django()

    return mend


class _Maintenance(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = b"<h1>Back soon</h1>"
        # The request is read, or closing the connection would throw the answer away.
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        pass


def _steal(stack: Stack) -> Callable[[], None]:
    """Somebody who got hold of refresh tokens uses half of them."""
    for key in list(stack.redis.scan_iter("session:*"))[::2]:
        with suppress(httpx.HTTPError, KeyError, TypeError):
            refresh = json.loads(stack.redis.get(key) or "null")["refresh"]
            stack.django.post("/api/token/refresh/", json={"refresh": refresh})
    return lambda: None


def _spoil(stack: Stack) -> Callable[[], None]:
    """Records that hold no tokens; they are gone again after some seconds. Half of them: what the
    store was too late to confirm is nobody's, and somebody must come across one."""
    for key in list(stack.redis.scan_iter("session:*"))[::2]:
        stack.redis.set(key, "[]", px=4000)
    return lambda: None


def happen(
    faults: list[Fault], seconds: float, say: Callable[[str], None]
) -> list[tuple[str, float, float]]:
    """Lets each happen within its share of the time, well in between; returns when, in Unix
    seconds."""
    share = seconds / len(faults)
    happened = []
    for fault in faults:
        time.sleep(share * 0.25)
        say(fault.name)
        begun = time.time()
        mend = fault.begin()
        time.sleep(share * 0.5)
        mend()
        happened.append((fault.name, begun, time.time()))
        time.sleep(share * 0.25)
    return happened
