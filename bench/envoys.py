"""Envoys that differ in one thing only, each with one worker and an answer of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.ports import HOST
from demo.stack import MODULE

ANSWER = {"status": 200, "body": {"inline_string": "ok\n"}}


@dataclass(frozen=True)
class Variant:
    """One of the things compared."""

    name: str
    #: What `routes` of the filter say; None: no filter.
    session: str | None
    meaning: str


VARIANTS = (
    Variant("bare", None, "router only"),
    Variant("off", "off", "the filter is there, the route does not need it"),
    Variant("cached", "required", "cookie decrypted, record in the worker's cache, token injected"),
)


def configuration(variant: Variant, port: int, admin: int, webdis: int) -> str:
    """The bootstrap of one variant."""
    manager = {
        "@type": _type(
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
        ),
        "stat_prefix": "ingress",
        "use_remote_address": True,
        "normalize_path": True,
        "http_filters": [*_filter(variant), _router()],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": ANSWER}],
                }
            ]
        },
    }
    listener = {
        "address": _address(port),
        "filter_chains": [
            {"filters": [{"name": "hcm", "typed_config": manager}]},
        ],
    }
    return json.dumps(
        {
            "admin": {"address": _address(admin)},
            "static_resources": {
                "listeners": [listener],
                "clusters": [_cluster("webdis", webdis)],
            },
        }
    )


def _filter(variant: Variant) -> list[dict[str, Any]]:
    if variant.session is None:
        return []
    plugin = {
        "session": {"secrets": [{"env": "AUTH_SECRET"}]},
        "store": {
            "cluster": "webdis",
            "credentials": {"username": "relay", "password": {"env": "WEBDIS_PASSWORD"}},
        },
        "issuer": {"cluster": "django", "authority": "localhost"},
        "routes": [
            # At least one rule must need a session, or the filter refuses to start.
            {"path": "/needs-a-session", "session": "required"},
            {"prefix": "/api/", "session": variant.session},
        ],
    }
    config = {
        "name": "token_relay",
        "failure_policy": "FAIL_RELOAD",
        "vm_config": {
            "vm_id": "token_relay",
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": str(MODULE)}},
            "environment_variables": {"host_env_keys": ["AUTH_SECRET", "WEBDIS_PASSWORD"]},
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": json.dumps(plugin),
        },
    }
    wasm = {"@type": _type("envoy.extensions.filters.http.wasm.v3.Wasm"), "config": config}
    return [{"name": "token_relay", "typed_config": wasm}]


def _router() -> dict[str, Any]:
    router = {"@type": _type("envoy.extensions.filters.http.router.v3.Router")}
    return {"name": "envoy.filters.http.router", "typed_config": router}


def _cluster(name: str, port: int) -> Mapping[str, Any]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }


def _address(port: int) -> Mapping[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}


def _type(name: str) -> str:
    return f"type.googleapis.com/{name}"


def write(path: Path, variant: Variant, port: int, admin: int, webdis: int) -> Path:
    """Writes a variant's bootstrap into a file."""
    path.write_text(configuration(variant, port, admin, webdis))
    return path
