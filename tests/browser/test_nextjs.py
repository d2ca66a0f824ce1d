"""What is special about the Next.js application: pages made by a server, and NextAuth's cookie."""

import pytest
from playwright.sync_api import expect

from browser import nextauth
from browser.recorder import Recorder
from browser.site import NEXT_AUTH, Site

pytestmark = pytest.mark.parametrize("site", NEXT_AUTH, indirect=True)


def test_a_server_component_shows_data_of_the_api(browser: Recorder, site: Site) -> None:
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    tab.get_by_role("link", name="Profile").click()
    expect(tab.get_by_test_id("username")).to_have_text(site.user.name)
    expect(tab.get_by_test_id("note-count")).to_have_text("0")
    browser.keep(tab, "profile")

    first = tab.get_by_test_id("token-expiry").get_attribute("datetime")
    site.wait_for_expiry(browser.context)
    tab.reload()
    expect(tab.get_by_test_id("username")).to_have_text(site.user.name)
    later = tab.get_by_test_id("token-expiry").get_attribute("datetime")
    assert first is not None and later is not None and later > first


def test_a_page_that_needs_a_session_asks_for_one_and_comes_back(
    browser: Recorder, site: Site
) -> None:
    tab = browser.tab()
    tab.goto(f"{site.application.origin}/profile")
    expect(tab.get_by_label("Username")).to_be_visible()
    site.application.send_credentials(tab, site.user.name, site.user.password)
    expect(tab.get_by_test_id("username")).to_have_text(site.user.name)
    assert tab.url == f"{site.application.origin}/profile"


def test_a_server_component_sends_to_the_sign_in_form_when_the_session_has_ended(
    browser: Recorder, site: Site
) -> None:
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    site.end_session(browser.context)
    site.wait_for(401, tab)
    tab.goto(f"{site.application.origin}/profile")
    expect(tab.get_by_label("Username")).to_be_visible()
    assert "/login" in tab.url


@pytest.mark.parametrize("part", ["django", "redis"])
def test_a_server_component_survives_an_outage(browser: Recorder, site: Site, part: str) -> None:
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    with site.without(part):
        site.wait_for(503, tab)
        tab.goto(f"{site.application.origin}/profile")
        site.application.expect_outage(tab)
        browser.keep(tab, part)
    site.wait_for(200, tab)
    tab.get_by_role("button", name="Try again").click()
    expect(tab.get_by_test_id("username")).to_have_text(site.user.name)


def test_the_cookie_is_sealed_and_out_of_reach(browser: Recorder, site: Site) -> None:
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    (cookie,) = [it for it in browser.context.cookies() if it["name"] in nextauth.COOKIES]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    claims = nextauth.claims(site.stack.secrets.auth, cookie["name"], cookie["value"])
    assert {"name", "sub", "sid", "iat", "exp", "jti"} >= claims.keys() >= {"sid", "exp"}
    assert "session" not in tab.evaluate("document.cookie")

    # What NextAuth tells the page's scripts of the session.
    told = tab.evaluate("() => fetch('/api/auth/session').then((answer) => answer.json())")
    assert told.keys() == {"expires", "user"} and told["user"] == {"name": site.user.name}

    site.application.sign_out(tab)
    assert not [it for it in browser.context.cookies() if it["name"] in nextauth.COOKIES]
