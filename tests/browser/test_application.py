"""What a user of each application does and sees, while tokens run out and parts fail."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.recorder import Recorder
from browser.site import Site

_FETCH_EIGHT = """(path) => Promise.all(
    Array.from({length: 8}, () => fetch(path).then((answer) => answer.status)))"""


def signed_in(browser: Recorder, site: Site) -> Page:
    tab = browser.tab()
    site.application.sign_in(tab, site.user)
    return tab


def test_notes_are_written_and_deleted(browser: Recorder, site: Site) -> None:
    application = site.application
    tab = browser.tab()
    application.open(tab)
    expect(tab.get_by_label("Username")).to_be_visible()
    browser.keep(tab, "sign-in")
    application.sign_in(tab, site.user)
    expect(tab.get_by_text("No notes yet.")).to_be_visible()
    browser.keep(tab, "empty")

    texts = ["Buy milk and bread", "Call the plumber", '<b>Learn</b> & "quote"']
    for text in texts:
        application.add(tab, text)
        expect(application.note(tab, text)).to_be_visible()
    expect(tab.get_by_text(site.user.name, exact=True)).to_be_visible()
    browser.keep(tab, "notes")
    tab.emulate_media(color_scheme="dark")
    browser.keep(tab, "notes-dark")
    tab.set_viewport_size({"width": 390, "height": 700})
    browser.keep(tab, "notes-narrow")

    application.open(tab)
    for text in texts:
        application.delete(tab, text)
        expect(application.note(tab, text)).to_have_count(0)
    expect(tab.get_by_text("No notes yet.")).to_be_visible()


def test_a_wrong_password_is_said_and_can_be_corrected(browser: Recorder, site: Site) -> None:
    application = site.application
    tab = browser.tab()
    application.open(tab)
    application.send_credentials(tab, site.user.name, "not this one")
    expect(tab.get_by_text("Username or password is wrong.")).to_be_visible()
    browser.keep(tab, "message")
    application.send_credentials(tab, site.user.name, site.user.password)
    application.expect_notes(tab)


def test_nobody_notices_that_an_access_token_runs_out(browser: Recorder, site: Site) -> None:
    tab = signed_in(browser, site)
    first = site.access_token(browser.context)
    site.wait_for_expiry(browser.context)
    site.application.add(tab, "written later")
    expect(site.application.note(tab, "written later")).to_be_visible()
    assert site.access_token(browser.context)["jti"] != first["jti"]
    site.application.delete(tab, "written later")
    expect(site.application.note(tab, "written later")).to_have_count(0)


def test_eight_requests_at_the_moment_of_expiry_refresh_once(browser: Recorder, site: Site) -> None:
    tab = signed_in(browser, site)

    def eight_requests() -> None:
        assert tab.evaluate(_FETCH_EIGHT, "/api/notes/") == [200] * 8

    site.refreshes_once(browser.context, eight_requests)


def test_three_tabs_at_once_refresh_once(browser: Recorder, site: Site) -> None:
    tabs = [signed_in(browser, site), browser.tab(), browser.tab()]

    def three_tabs() -> None:
        for tab in tabs:
            # All three load at the same time.
            tab.goto(site.application.origin + site.application.notes, wait_until="commit")
        for tab in tabs:
            site.application.expect_notes(tab)

    site.refreshes_once(browser.context, three_tabs)


def test_signing_out_in_one_tab_ends_the_others(browser: Recorder, site: Site) -> None:
    first = signed_in(browser, site)
    second = browser.tab()
    site.application.open(second)
    site.application.expect_notes(second)

    site.application.sign_out(first)
    browser.keep(first, "signed-out")
    # A worker may use what it knows for `cache.max_age`, 2 s; the cookie is gone at once.
    assert site.status(second) == 401
    site.application.open(second)
    expect(second.get_by_label("Username")).to_be_visible()


def test_what_was_signed_out_does_not_come_back_with_its_cookie(
    browser: Recorder, site: Site
) -> None:
    tab = signed_in(browser, site)
    kept = browser.context.cookies()
    site.application.sign_out(tab)
    browser.context.add_cookies(kept)
    site.wait_for(401, tab)
    site.application.open(tab)
    expect(tab.get_by_label("Username")).to_be_visible()


def test_a_session_that_ended_at_the_server_leads_to_the_sign_in_form_once(
    browser: Recorder, site: Site
) -> None:
    tab = signed_in(browser, site)
    site.end_session(browser.context)
    site.wait_for(401, tab)
    visited: list[str] = []
    tab.on("framenavigated", lambda frame: visited.append(frame.url))

    site.application.add(tab, "too late")
    site.application.expect_sign_in(tab, "Your session has ended.")
    browser.keep(tab, "message")
    assert len(visited) <= 2, "the page goes in circles"

    site.application.send_credentials(tab, site.user.name, site.user.password)
    site.application.expect_notes(tab)


@pytest.mark.parametrize("part", ["django", "redis"])
def test_an_outage_signs_nobody_out(browser: Recorder, site: Site, part: str) -> None:
    tab = signed_in(browser, site)
    session = site.session_id(browser.context)
    with site.without(part):
        site.wait_for(503, tab)
        site.application.add(tab, "once more")
        site.application.expect_outage(tab)
        browser.keep(tab, part)
        # Trying again too early changes nothing.
        with tab.expect_event("response"):
            tab.get_by_role("button", name="Try again").click()
        site.application.expect_outage(tab)

    site.wait_for(200, tab)
    tab.get_by_role("button", name="Try again").click()
    expect(tab.get_by_role("button", name="Try again")).not_to_be_visible()
    site.application.expect_notes(tab)
    site.application.add(tab, "once more")
    expect(site.application.note(tab, "once more")).to_be_visible()
    site.application.delete(tab, "once more")
    expect(site.application.note(tab, "once more")).to_have_count(0)
    assert site.session_id(browser.context) == session


@pytest.mark.parametrize("part", ["django", "redis"])
def test_an_outage_is_no_wrong_password(browser: Recorder, site: Site, part: str) -> None:
    tab = browser.tab()
    site.application.open(tab)
    expect(tab.get_by_label("Username")).to_be_visible()
    with site.without(part):
        site.application.send_credentials(tab, site.user.name, site.user.password)
        alert = tab.get_by_role("alert").filter(has_text=re.compile("cannot answer|not reachable"))
        expect(alert).to_be_visible()
        browser.keep(tab, part)
    site.application.send_credentials(tab, site.user.name, site.user.password)
    site.application.expect_notes(tab)
