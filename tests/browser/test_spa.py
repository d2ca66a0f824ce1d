"""What is special about the single page: no server renders it, and its cookie is the session id."""

import pytest
from playwright.sync_api import expect

from browser.recorder import Recorder
from browser.site import SPA, Site

pytestmark = pytest.mark.parametrize("site", [SPA], indirect=True)


def test_the_cookie_cannot_be_read_or_sent_elsewhere(browser: Recorder, site: Site) -> None:
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    (cookie,) = browser.context.cookies()
    assert cookie["name"] == "__Host-session"
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert (cookie["domain"], cookie["path"], cookie["expires"]) == ("localhost", "/", -1)
    assert tab.evaluate("document.cookie") == ""

    site.application.sign_out(tab)
    assert browser.context.cookies() == []


def test_the_files_come_from_envoy_with_a_strict_policy(browser: Recorder, site: Site) -> None:
    tab = browser.tab()
    for path, kind in [("/", "html"), ("/app.js", "javascript"), ("/style.css", "css")]:
        answer = tab.goto(site.application.origin + path)
        assert answer is not None
        assert answer.headers["content-type"] == f"text/{kind}; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    tab.goto(site.application.origin)
    with tab.expect_console_message(lambda it: "Content Security Policy" in it.text):
        tab.evaluate("new Image().src = 'https://127.0.0.1/tell?them=' + document.title")


def test_too_many_attempts_are_told_with_how_long_to_wait(browser: Recorder, site: Site) -> None:
    """The example's Django does not count attempts, so its answer is played."""
    tab = browser.tab()
    tab.route(
        "**/auth/login",
        lambda route: route.fulfill(
            status=429, headers={"retry-after": "42"}, json={"detail": "Request was throttled."}
        ),
    )
    site.application.open(tab)
    site.application.send_credentials(tab, site.user.name, "guess")
    expect(tab.get_by_role("alert")).to_contain_text("Too many attempts. Try again in 42 seconds.")
    browser.keep(tab, "message")


def test_the_other_tabs_follow_by_themselves(browser: Recorder, site: Site) -> None:
    first, second = browser.tab(), browser.tab()
    site.application.open(second)
    expect(second.get_by_label("Username")).to_be_visible()
    site.application.sign_in(first, site.user)
    site.application.expect_notes(second)
    site.application.sign_out(first)
    site.application.expect_sign_in(second, "Your session has ended.")


def test_a_sign_out_that_did_not_happen_is_not_shown_as_one(browser: Recorder, site: Site) -> None:
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    with site.without("redis"):
        tab.get_by_role("button", name="Sign out").click()
        expect(tab.get_by_role("alert").first).to_be_visible()
        expect(tab.get_by_label("Username")).not_to_be_visible()
        assert [cookie["name"] for cookie in browser.context.cookies()] == ["__Host-session"]
    site.application.sign_out(tab)
