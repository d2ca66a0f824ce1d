"""The page on another origin than the API, as docs/spa.md says: what works, and what does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from browser import foreign, site
from browser.recorder import Recorder
from browser.site import SPA, Site
from demo.stack import CERTIFICATE

_CORS = '"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3'
_CALL = """async ([method, url, data]) => {
    const headers = data ? {"Content-Type": "application/json"} : {}
    const body = data && JSON.stringify(data)
    const answer = await fetch(url, {method, headers, body, credentials: "include"})
    return [answer.status, answer.status == 204 ? null : await answer.json()]
}"""


@dataclass(frozen=True)
class Origins:
    site: Site
    same_site: str
    other_site: str


@pytest.fixture(scope="module")
def origins(
    playwright: Playwright, module: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Origins]:
    """The single page's parts, with two more origins that may call them."""
    key = CERTIFICATE.with_name("key.pem")
    with (
        foreign.page("localhost", "", key) as same_site,
        foreign.page("127.0.0.1", "") as other_site,
    ):
        allowed = [address.rstrip("/") for address in (same_site, other_site)]

        def adapt(bootstrap: str) -> str:
            for old, new in [
                (
                    "          http_filters:\n",
                    "          - name: envoy.filters.http.cors\n"
                    f"            typed_config: {{{_CORS}.Cors}}\n",
                ),
                (
                    '              domains: ["*"]\n',
                    "              typed_per_filter_config:\n"
                    "                envoy.filters.http.cors:\n"
                    f"                  {_CORS}.CorsPolicy\n"
                    "                  allow_origin_string_match:\n"
                    f"                  - exact: {allowed[0]}\n"
                    f"                  - exact: {allowed[1]}\n"
                    "                  allow_credentials: true\n"
                    "                  allow_methods: GET, POST, DELETE\n"
                    "                  allow_headers: content-type\n",
                ),
                (
                    "session: {format: opaque}\n",
                    f"                    csrf: {{origins: {allowed}}}\n",
                ),
            ]:
                assert bootstrap.count(old) == 1
                bootstrap = bootstrap.replace(old, old + new)
            return bootstrap

        with site.running(SPA, tmp_path_factory.mktemp("cors"), adapt) as running:
            yield Origins(running, same_site, other_site)


@pytest.fixture
def browser(playwright: Playwright, artefacts: Path, origins: Origins) -> Iterator[Recorder]:
    recorder = Recorder(playwright, artefacts, "cross-origin")
    yield recorder
    recorder.close()
    assert origins.site.leaks(recorder.everything) == []


def test_another_origin_of_the_same_site_can_do_all(browser: Recorder, origins: Origins) -> None:
    tab = browser.tab()
    tab.goto(origins.same_site)
    assert _log_in(tab, origins) == 200
    api = f"{origins.site.application.origin}/api/notes/"
    status, note = tab.evaluate(_CALL, ["POST", api, {"text": "from afar"}])
    assert (status, note["text"]) == (201, "from afar")
    assert tab.evaluate(_CALL, ["GET", api, None]) == [200, [note]]
    assert tab.evaluate(_CALL, ["DELETE", f"{api}{note['id']}/", None]) == [204, None]
    assert _session(tab, origins) is True
    out = f"{origins.site.application.origin}/auth/logout"
    assert tab.evaluate(_CALL, ["POST", out, None]) == [204, None]
    assert _session(tab, origins) is False


def test_another_site_gets_no_cookie(browser: Recorder, origins: Origins) -> None:
    tab = browser.tab()
    tab.goto(origins.other_site)
    assert _log_in(tab, origins) == 200
    assert browser.context.cookies() == []
    assert _session(tab, origins) is False


def _log_in(tab: Page, origins: Origins) -> int:
    user = origins.site.user
    url = f"{origins.site.application.origin}/auth/login"
    credentials = {"username": user.name, "password": user.password}
    return tab.evaluate(_CALL, ["POST", url, credentials])[0]


def _session(tab: Page, origins: Origins) -> bool:
    """Whether the relay says that there is one."""
    url = f"{origins.site.application.origin}/auth/session"
    return tab.evaluate(_CALL, ["GET", url, None])[1]["authenticated"]
