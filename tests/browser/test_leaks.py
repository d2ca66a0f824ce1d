"""The search of each test's record, on the secrets of a real session."""

import json
from pathlib import Path

from playwright.sync_api import Playwright

from browser import nextauth
from browser.recorder import Recorder
from browser.site import Site

_STORE = "([name, value]) => localStorage.setItem(name, value)"


def test_a_page_that_keeps_what_it_must_not_have_is_caught(
    playwright: Playwright, artefacts: Path, site: Site
) -> None:
    recorder = Recorder(playwright, artefacts, f"{site.application.name}-caught")
    tab = recorder.tab()
    site.application.sign_in(tab, site.user)
    session = site.session_id(recorder.context)
    record = json.loads(site.stack.redis.get(f"session:{session}") or "{}")
    kept = {"id": session, "access": record["access"], "refresh": record["refresh"]}
    kept |= {"secret": site.stack.secrets.auth}
    for cookie in recorder.context.cookies():
        if cookie["name"] in nextauth.COOKIES:
            kept["sealed"] = cookie["value"]
    for name, value in kept.items():
        tab.evaluate(_STORE, [name, value])
    recorder.close()

    found = site.leaks(recorder.everything)
    expected = [
        "a refresh token (plain)",
        "a secret (auth) (plain)",
        "a session id (plain)",
        "a signed token",
        "a token (plain)",
    ]
    if "sealed" in kept:
        expected.append("an encrypted token")
    address = site.application.origin + site.application.notes
    places = ["localStorage and IndexedDB", f"localStorage of {address}"]
    assert found == sorted(f"{what} in {place}" for what in expected for place in places)
