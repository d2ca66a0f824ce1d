"""A real Prometheus that scrapes the demo's Envoy under the shipped rules."""

import json
import re
from pathlib import Path
from typing import Any

import httpx

from demo.ports import HOST
from demo.stack import ROOT, Stack

RULES = ROOT / "monitoring" / "prometheus" / "rules.yaml"
SCRAPE_SECONDS = 1

Series = dict[str, Any]


class Prometheus:
    """One Prometheus, for one run."""

    def __init__(self, stack: Stack, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://{HOST}:{port}", trust_env=False, timeout=20)
        folder = stack.folder / "prometheus"
        folder.mkdir()
        configuration = folder / "prometheus.json"  # JSON is YAML
        configuration.write_text(_configuration(stack.ports.admin))
        part = stack.parts.start(
            "prometheus",
            [
                *("prometheus", f"--config.file={configuration}"),
                *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={HOST}:{port}"),
            ],
            folder=folder,
        )
        part.wait_until(self._is_ready)

    def query(self, expression: str) -> list[Series]:
        """What an instant query gives now."""
        return self._ask("/api/v1/query", query=expression)

    def over(self, expression: str, start: float, end: float, step: int = 1) -> list[Series]:
        """What a query gave between two moments (Unix seconds)."""
        bounds = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": str(step)}
        return self._ask("/api/v1/query_range", query=expression, **bounds)

    def rules(self) -> list[dict[str, Any]]:
        """Every rule that it evaluates, with its health."""
        answer = self._client.get("/api/v1/rules").raise_for_status().json()
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    def _ask(self, path: str, **parameters: str) -> list[Series]:
        answer = self._client.post(path, data=parameters)
        body = answer.json()
        if body["status"] != "success":
            raise QueryError(f"{body['error']}: {parameters['query']}")
        return body["data"]["result"]

    def _is_ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False


class QueryError(Exception):
    """Prometheus does not understand a query."""


def _configuration(admin: int) -> str:
    seconds = f"{SCRAPE_SECONDS}s"
    return json.dumps(
        {
            "global": {"scrape_interval": seconds, "evaluation_interval": seconds},
            "rule_files": [str(RULES)],
            "scrape_configs": [
                {
                    "job_name": "envoy",
                    "metrics_path": "/stats/prometheus",
                    "static_configs": [{"targets": [f"{HOST}:{admin}"]}],
                }
            ],
        }
    )


def dashboard_queries(dashboard: Path, window: str) -> dict[str, list[str]]:
    """The queries of each panel, with the variables filled in as Grafana would do it."""
    values = {"$__rate_interval": window, "$job": "envoy"}
    pattern = re.compile("|".join(re.escape(name) for name in values))
    panels = json.loads(dashboard.read_text())["panels"]
    return {
        panel["title"]: [
            pattern.sub(lambda found: values[found[0]], target["expr"])
            for target in panel["targets"]
        ]
        for panel in panels
        if panel["type"] != "row"
    }
