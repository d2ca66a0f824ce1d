"""The search of each test's record, on the secrets of a real session."""

import json
from pathlib import Path

from playwright.sync_api import Playwright, expect

from browser import nextauth
from browser.recorder import Recorder
from browser.site import Site

_NOTE = "a note that the record must show"
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
    site.application.add(tab, _NOTE)
    expect(site.application.note(tab, _NOTE)).to_be_visible()
    site.application.delete(tab, _NOTE)
    expect(site.application.note(tab, _NOTE)).to_have_count(0)
    recorder.close()
    _assert_seen_on_the_wire(recorder)

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


def _assert_seen_on_the_wire(recorder: Recorder) -> None:
    """The applications speak HTTP/2 over TLS: cookies and bodies are found in that, too."""

    def places(text: str) -> list[str]:
        texts = [(seen.where, seen.data) for seen in recorder.everything]
        data = text.encode()
        return [
            where
            for where, seen in texts
            if data in (seen if isinstance(seen, bytes) else seen.encode())
        ]

    notes = places(_NOTE)
    assert any(place.startswith("the body of") and "/api/notes/" in place for place in notes), notes
    assert any(place.startswith("connection") for place in notes), notes
    cookies = [seen.where for seen in recorder.everything if seen.cookie]
    for side in ["request header cookie", "answer header set-cookie"]:
        assert any(where.startswith(side) for where in cookies), f"no {side}"
