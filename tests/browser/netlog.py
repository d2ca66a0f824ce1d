"""What Chromium's network service writes down, `--net-log-capture-mode=Everything`: every byte.

The developer tools would forget bodies of pages that were left, and never show those of redirects.
"""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from browser.seen import Seen

_SENT = ("HTTP_TRANSACTION_SEND_REQUEST_HEADERS", "HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS")
_RECEIVED = ("HTTP_TRANSACTION_READ_RESPONSE_HEADERS",)
#: As it came, and decompressed.
_BODY = ("URL_REQUEST_JOB_BYTES_READ", "URL_REQUEST_JOB_FILTERED_BYTES_READ")
_SOCKET = ("SOCKET_BYTES_RECEIVED", "SSL_SOCKET_BYTES_RECEIVED")
_COOKIE_LINES = re.compile(rb"(?im)^set-cookie:.*$")


class IncompleteLog(Exception):
    """The browser did not finish its log, so nobody knows what is missing."""


def arguments(path: Path) -> list[str]:
    """What the browser is started with."""
    return [f"--log-net-log={path}", "--net-log-capture-mode=Everything"]


def read(path: Path) -> list[Seen]:
    """Everything in a log that a browser has finished, which it does when it is closed."""
    try:
        log = json.loads(path.read_text())
    except ValueError as error:
        raise IncompleteLog(f"{path.name} is not finished") from error
    return list(_Log(log).seen())


class _Log:
    def __init__(self, log: dict[str, Any]) -> None:
        names = {number: name for name, number in log["constants"]["logEventTypes"].items()}
        missing = {*_SENT, *_RECEIVED, *_BODY, *_SOCKET} - set(names.values())
        if missing:
            raise IncompleteLog(f"this browser has other names for {', '.join(sorted(missing))}")
        self._events = [
            (names[event["type"]], event["source"]["id"], event.get("params", {}))
            for event in log["events"]
        ]

    def seen(self) -> Iterator[Seen]:
        request: dict[int, str] = {}
        # A stream comes in pieces, and what is looked for may lie across two of them.
        streams: dict[tuple[str, int], list[bytes]] = defaultdict(list)
        for name, source, params in self._events:
            if name == "URL_REQUEST_START_JOB" and "url" in params:
                request[source] = f"{params['method']} {params['url']}"
                yield Seen(f"the address of {request[source]}", params["url"])
            elif name in _SENT or name in _RECEIVED:
                side = "request" if name in _SENT else "answer"
                for line in params["headers"]:
                    yield from _header(side, line, request.get(source, "a request"))
            elif (name in _BODY or name in _SOCKET) and params["byte_count"]:
                streams[name, source].append(base64.b64decode(params["bytes"]))
        for (name, source), pieces in streams.items():
            data = b"".join(pieces)
            if name in _BODY:
                yield Seen(f"the body of {request.get(source, 'a request')}", data)
            else:
                yield Seen(f"connection {source}", _bodies(data))


def _header(side: str, line: str, request: str) -> Iterator[Seen]:
    """One header, cookies one by one."""
    name, _, value = line[1:].partition(":") if line.startswith(":") else line.partition(":")
    where = f"{side} header {name.lower()} of {request}"
    match name.lower():
        case "cookie":
            pairs = value.split(";")
        case "set-cookie":
            pairs = [value.partition(";")[0]]
            yield Seen(where, value.partition(";")[2])
        case _:
            yield Seen(where, line)
            return
    for pair in pairs:
        cookie, _, content = pair.strip().partition("=")
        yield Seen(f"{where}: {cookie}", content, cookie=cookie)


def _bodies(data: bytes) -> bytes:
    """A connection without what is on record already: headers (HTTP/2), cookies (HTTP/1.1).

    This finds what the browser threw away, such as the bodies of redirects.
    """
    frames = list(_frames(data))
    if not frames:
        return _COOKIE_LINES.sub(b"", data)
    bodies: dict[int, bytes] = defaultdict(bytes)
    for kind, stream, payload in frames:
        if kind == 0:
            bodies[stream] += payload
    return b"\n".join(bodies.values())


def _frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, stream and payload of HTTP/2's frames; none if this is not HTTP/2."""
    if data[3:5] != b"\x04\x00":
        return  # a server begins with SETTINGS
    at = 0
    while at + 9 <= len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        stream = int.from_bytes(data[at + 5 : at + 9], "big") & 0x7FFFFFFF
        yield data[at + 3], stream, data[at + 9 : at + 9 + size]
        at += 9 + size
