"""Which part listens where: the usual port plus 10000, unless the environment says otherwise."""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

HOST = "127.0.0.1"


class PortError(Exception):
    """A port cannot be used; the text says which, who needs it and what to do."""


@dataclass(frozen=True)
class Ports:
    """One port per listener."""

    envoy: int = 18443
    internal: int = 18081
    admin: int = 19901
    django: int = 18000
    nextjs: int = 13000
    webdis: int = 17379
    redis_proxy: int = 16380
    redis: int = 16379


MEANT_FOR = {
    "envoy": "Envoy (the one that browsers call)",
    "internal": "Envoy's listener for Next.js's server",
    "admin": "Envoy's admin interface",
    "django": "Django",
    "nextjs": "Next.js",
    "webdis": "Webdis",
    "redis_proxy": "Envoy's redis_proxy, between Webdis and Redis",
    "redis": "Redis",
}


def variable(name: str) -> str:
    """The environment variable that moves a port."""
    return f"DEMO_{name.upper()}_PORT"


def choose(environment: Mapping[str, str] = os.environ) -> Ports:
    """The ports of this run, all of them free just now."""
    if environment.get("DEMO_FREE_PORTS") == "1":
        return Ports(**free_ports(field.name for field in fields(Ports)))
    chosen: dict[str, int] = {}
    for field in fields(Ports):
        name = field.name
        port = _number(name, environment.get(variable(name), str(field.default)))
        for other, taken in chosen.items():
            if taken == port:
                raise PortError(f"{variable(name)} and {variable(other)} are both {port}.")
        if not is_free(port):
            raise PortError(
                f"Port {port}, which is for {MEANT_FOR[name]}, is taken. Choose another:\n"
                f"    {variable(name)}={_free_near(port)} make demo\n"
                "or let the system choose all of them: DEMO_FREE_PORTS=1 make demo"
            )
        chosen[name] = port
    return Ports(**chosen)


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise PortError(f"{variable(name)} must be a number from 1 to 65535.")
    return int(text)


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        # A connection of the last run that still lingers is no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_near(port: int) -> int:
    """A free port to suggest."""
    near = range(port + 1, min(port + 100, 65536))
    return next((candidate for candidate in near if is_free(candidate)), port)


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A free port for each name, of the system's choice."""
    probes = {name: socket.socket() for name in names}
    try:
        for probe in probes.values():
            probe.bind((HOST, 0))
        return {name: probe.getsockname()[1] for name, probe in probes.items()}
    finally:
        for probe in probes.values():
            probe.close()
