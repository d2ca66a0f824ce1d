"""Who has seen every secret that there ever was: it watches what Redis is told."""

import re
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import redis

from demo.ports import HOST

_JWT = re.compile(rb"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
_KEY = re.compile(rb"session:([\w-]{16,128})")


class Witness:
    """Watches while its `with` block lasts, also through restarts of Redis.

    Every record passes by, also one that lives for a moment only.
    """

    def __init__(self, port: int, password: str) -> None:
        self._address = (HOST, port)
        self._password = password
        self._seen: dict[str, str] = {}
        self._over = threading.Event()
        self._watching = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Witness":
        self._thread.start()
        if not self._watching.wait(10):
            self.__exit__()
            raise RuntimeError("Redis shows nobody what it is told")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def secrets(self, database: Path) -> dict[str, str]:
        """Every token and session id, and what it is. Django keeps its refresh tokens as well."""
        known = dict(self._seen)
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
            rows = opened.execute("SELECT token FROM token_blacklist_outstandingtoken").fetchall()
        return known | {token: "refresh token" for (token,) in rows}

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                with socket.create_connection(self._address, timeout=0.2) as connection:
                    self._follow(connection)
            except OSError:
                self._over.wait(0.02)

    def _follow(self, connection: socket.socket) -> None:
        connection.sendall(f"AUTH admin {self._password}\r\nMONITOR\r\n".encode())
        rest = b""
        looked = False
        while not self._over.is_set():
            try:
                received = connection.recv(1 << 16)
            except TimeoutError:
                continue
            if not received:
                return
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                self._note(line)
            if not looked and b"+OK" in received:
                # What came while nobody watched.
                self._look()
                looked = True
                self._watching.set()

    def _look(self) -> None:
        with redis.Redis(*self._address, username="admin", password=self._password) as store:
            for key in store.scan_iter("session:*"):
                self._note(key + b" " + (store.get(key) or b""))

    def _note(self, line: bytes) -> None:
        self._seen |= {it.decode(): "token" for it in _JWT.findall(line)}
        self._seen |= {it.decode(): "session id" for it in _KEY.findall(line)}
