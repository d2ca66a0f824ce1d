"""Shows that rules and dashboard say something on real data.

`python -m monitoring [--seconds N] [--plots]` starts the demo's stack and a Prometheus with the
shipped rules, lets users work while one thing after the other goes wrong, then asks every query of
the dashboard and every rule. Ends with 1 if one of them is not understood or has nothing to say.
`--plots` draws what the dashboard would show into docs/monitoring/. Needs `make setup build`, and
`scripts/setup prometheus`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo.ports import Ports, free_ports
from demo.stack import ROOT, Lifetimes, Stack, User
from monitoring.faults import all_faults, happen
from monitoring.load import Load
from monitoring.prometheus_server import RULES, Prometheus, QueryError, dashboard_queries

DASHBOARD = ROOT / "monitoring" / "grafana" / "dashboard.json"
PLOTS = ROOT / "docs" / "monitoring"
USERS = 24

#: The alerts whose cause is made here: they must have seen it. The others need what cannot be made
#: to happen at will (a crash, a gateway that mixes up answers) or takes ten minutes to be seen:
#: monitoring/prometheus/tests.yaml.
SEEN = {
    "TokenRelayStoreUnavailable",
    "TokenRelayStoreUnavailableForSome",
    "TokenRelayIssuerUnavailable",
    "TokenRelayIssuerUnavailableForSome",
    "TokenRelayMisconfigured",
    "TokenRelayMisconfiguredForSome",
    "TokenRelayRecordsInvalid",
    "TokenRelayAnswersLost",
    "TokenRelayFailsRequestsFast",
    "TokenRelayFailsRequestsSlowly",
}


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=int, default=90)
    options.add_argument("--plots", action="store_true")
    given = options.parse_args()
    if shutil.which("promtool") is None:
        print("There is no Prometheus here: scripts/setup prometheus", file=sys.stderr)
        return 1
    tests = RULES.with_name("tests.yaml")
    for check in (["check", "rules", RULES], ["test", "rules", tests]):
        subprocess.run(["promtool", *check], check=True, cwd=RULES.parent)
    with tempfile.TemporaryDirectory(prefix="token-relay-monitoring-") as folder:
        return _run(Path(folder), given.seconds, given.plots)


def _run(folder: Path, seconds: int, plots: bool) -> int:
    (folder / "logs").mkdir()
    names = [*Ports.__dataclass_fields__, "prometheus"]
    ports = free_ports(names)
    port = ports.pop("prometheus")
    stack = Stack(folder, Ports(**ports), lifetimes=Lifetimes(access=10))
    with stack.parts:
        users = [User(f"user{number}") for number in range(USERS)]
        stack.start_redis()
        stack.start_django(users)
        stack.start_envoy()
        stack.start_webdis()
        prometheus = Prometheus(stack, port)
        print(f"{USERS} users for {seconds} s, while:")
        start = time.time()
        with Load(stack, users):
            happened = happen(all_faults(stack), seconds, lambda name: print(f"  {name}"))
        # Envoy hands out histograms every five seconds.
        time.sleep(6)
        end = time.time()
        failures = [
            *_panels_that_say_nothing(prometheus, start, end),
            *_rules_that_say_nothing(prometheus, start, end),
        ]
        if plots:
            from monitoring.plots import draw

            draw(prometheus, DASHBOARD, PLOTS, (start, end), happened)
        for failure in failures:
            print(failure, file=sys.stderr)
        return 1 if failures else 0


def _panels_that_say_nothing(prometheus: Prometheus, start: float, end: float) -> list[str]:
    failures = []
    asked = 0
    for title, queries in dashboard_queries(DASHBOARD, "15s").items():
        for query in queries:
            asked += 1
            try:
                if not prometheus.over(query, start, end):
                    failures.append(f"panel {title!r}: no data for {query}")
            except QueryError as error:
                failures.append(f"panel {title!r}: {error}")
    print(f"{asked} queries of the dashboard")
    return failures


def _rules_that_say_nothing(prometheus: Prometheus, start: float, end: float) -> list[str]:
    failures = []
    rules = prometheus.rules()
    for rule in rules:
        name, query = rule["name"], rule["query"]
        if rule["health"] != "ok":
            failures.append(f"rule {name}: {rule.get('lastError') or rule['health']}")
        elif rule["type"] == "recording" and not prometheus.query(name):
            failures.append(f"rule {name}: no data")
        elif name in SEEN and not prometheus.over(query, start, end):
            failures.append(f"alert {name}: its cause was there, and it did not see it")
    unknown = SEEN - {rule["name"] for rule in rules}
    failures += [f"alert {name}: there is none of this name" for name in unknown]
    print(f"{len(rules)} rules, {len(SEEN)} of them alerts that saw their cause")
    return failures


if __name__ == "__main__":
    sys.exit(main())
