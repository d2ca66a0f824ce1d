"""What a user does with an example application. They are alike, so one set of tests fits all."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from demo.stack import User


@dataclass(frozen=True)
class Application:
    name: str
    origin: str
    #: The page with the notes.
    notes: str
    #: The cookie in which a browser may hold its session id.
    id_cookie: str = ""

    def open(self, page: Page) -> None:
        page.goto(self.origin + self.notes)

    def sign_in(self, page: Page, user: User) -> None:
        self.open(page)
        self.send_credentials(page, user.name, user.password)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        self.expect_notes(page)

    def send_credentials(self, page: Page, name: str, password: str) -> None:
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()

    def sign_out(self, page: Page) -> None:
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()

    def add(self, page: Page, text: str) -> None:
        page.get_by_label("New note").fill(text)
        page.get_by_role("button", name="Add").click()

    def delete(self, page: Page, text: str) -> None:
        page.get_by_role("button", name=f"Delete: {text}").click()

    def note(self, page: Page, text: str) -> Locator:
        return page.get_by_role("listitem").filter(has_text=text)

    def expect_notes(self, page: Page) -> None:
        """The notes were loaded: there are some, or none is said."""
        some = page.get_by_role("listitem").or_(page.get_by_text("No notes yet."))
        expect(some.first).to_be_visible()

    def expect_sign_in(self, page: Page, message: str) -> None:
        expect(page.get_by_text(message)).to_be_visible()
        expect(page.get_by_label("Username")).to_be_visible()
        expect(page.get_by_role("button", name="Sign out")).to_have_count(0)

    def expect_outage(self, page: Page) -> None:
        """A message, a way on, and nobody is signed out."""
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        expect(page.get_by_role("alert").first).to_be_visible()
        expect(page.get_by_label("Username")).not_to_be_visible()
