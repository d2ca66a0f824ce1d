"""A search that finds nothing proves nothing, unless it has been seen to find."""

import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from browser import disguises, planted
from browser.disguises import JWE, JWT, disguise, finds
from browser.recorder import Recorder
from browser.seen import Seen


@pytest.fixture(scope="module")
def leak(
    playwright: Playwright, artefacts: Path
) -> tuple[dict[tuple[str, str], str], list[Seen], str]:
    """What was planted by place and disguise, what was recorded, and the page's origin."""
    hidden = {
        (place, name): secrets.token_urlsafe(32)
        for place in planted.PLACES
        for name in disguises.NAMES
    }
    texts = {
        place: [disguise(hidden[place, name], name) for name in disguises.NAMES]
        for place in planted.PLACES
    }
    with planted.page(texts) as origin:
        recorder = Recorder(playwright, artefacts, "planted")
        tab = recorder.tab()
        tab.goto(origin)
        expect(tab).to_have_title("planted")
        recorder.close()
    return hidden, recorder.everything, origin


@pytest.mark.parametrize("place", planted.PLACES)
def test_what_is_planted_is_found_in_every_disguise(leak, place: str) -> None:
    hidden, everything, origin = leak
    where = planted.PLACES[place].format(origin=origin)
    there = [seen for seen in everything if seen.where.startswith(where)]
    assert there, f"nothing recorded as {where}"
    for name in disguises.NAMES:
        assert any(True for seen in there for _ in finds(seen, hidden[place, name])), name


def test_what_was_never_there_is_not_found(leak) -> None:
    _, everything, _ = leak
    assert not [True for seen in everything for _ in finds(seen, secrets.token_urlsafe(32))]


def test_only_the_cookie_itself_counts_as_the_cookie(leak) -> None:
    """The one place where a session id may be: headers and store, by the cookie's name."""
    hidden, everything, _ = leak
    secret = hidden["cookie", "plain"]
    cookies = {seen.cookie for seen in everything for _ in finds(seen, secret)}
    assert cookies == {"planted0"}
    stored = hidden["script's cookie", "plain"]
    found = {seen.cookie for seen in everything for _ in finds(seen, stored)}
    assert found == {"own0", None}, "document.cookie is no cookie header"


def test_tokens_that_nobody_knows_of_are_noticed() -> None:
    signed = b"eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJlIQ"
    sealed = b"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..MDEyMzQ1Njc4.Y2lwaGVydGV4dA.dGFndGFndGFn"
    assert JWT.search(b'{"a":"' + signed + b'"}') and not JWE.search(signed)
    assert JWE.search(b"x=" + sealed) and not JWT.search(sealed)
