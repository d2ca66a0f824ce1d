"""What pages of other sites can make a signed-in user's browser do: nothing."""

import pytest
from playwright.sync_api import Page, expect

from browser import foreign
from browser.recorder import Recorder
from browser.site import SPA, Site
from demo.stack import CERTIFICATE

_NOTES = "fetch('/api/notes/').then((answer) => answer.json())"
#: What a script may send anywhere without asking first.
_SEND = """(target) => fetch(target, {
    method: "POST", mode: "no-cors", credentials: "include", body: '{"text": "planted"}',
})"""


@pytest.fixture
def mine(browser: Recorder, site: Site) -> Page:
    """A tab of somebody who is signed in."""
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    return tab


def test_a_form_of_another_site_comes_without_the_cookie(
    browser: Recorder, site: Site, mine: Page
) -> None:
    """`SameSite=Lax`: the browser itself keeps it back."""
    before = mine.evaluate(_NOTES)
    with foreign.page("127.0.0.1", f"{site.application.origin}/api/notes/") as address:
        theirs = browser.tab()
        theirs.goto(address)
        with theirs.expect_navigation() as navigation:
            theirs.get_by_role("button").click()
    assert (navigation.value.status, navigation.value.json()["code"]) == (401, "no_session")
    assert "cookie" not in navigation.value.request.all_headers()
    assert mine.evaluate(_NOTES) == before


def test_a_form_of_another_origin_comes_with_the_cookie_and_is_refused(
    browser: Recorder, site: Site, mine: Page
) -> None:
    """A port of the same host is the same site: the cookie comes along, and the relay says no."""
    before = mine.evaluate(_NOTES)
    target = f"{site.application.origin}/api/notes/"
    with foreign.page("localhost", target, CERTIFICATE.with_name("key.pem")) as address:
        theirs = browser.tab()
        theirs.goto(address)
        with theirs.expect_response(target) as answer:
            theirs.evaluate(_SEND, target)
        assert answer.value.status == 403
        with theirs.expect_navigation() as navigation:
            theirs.get_by_role("button").click()
    assert "session" in navigation.value.request.all_headers()["cookie"]
    assert (navigation.value.status, navigation.value.json()["code"]) == (403, "cross_site")
    browser.keep(theirs, "refused")
    assert mine.evaluate(_NOTES) == before


@pytest.mark.parametrize("site", [SPA], indirect=True)
@pytest.mark.parametrize("endpoint", ["login", "logout"])
def test_another_origin_signs_nobody_in_or_out(
    browser: Recorder, site: Site, mine: Page, endpoint: str
) -> None:
    session = site.session_id(browser.context)
    target = f"{site.application.origin}/auth/{endpoint}"
    with foreign.page("localhost", target, CERTIFICATE.with_name("key.pem")) as address:
        theirs = browser.tab()
        theirs.goto(address)
        with theirs.expect_navigation() as navigation:
            theirs.get_by_role("button").click()
    assert navigation.value.status == 403
    assert site.session_id(browser.context) == session
    site.application.open(mine)
    expect(mine.get_by_role("button", name="Sign out")).to_be_visible()
