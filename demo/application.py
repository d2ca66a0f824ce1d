"""The application through its front door: what a browser does to sign in, use it and sign out."""

from typing import Any

import httpx

from demo.stack import Stack, User
from demo.story import claim
from demo.terminal import Terminal


def tell(stack: Stack, terminal: Terminal, user: User) -> None:
    """Signs the user in at NextAuth, through Envoy, and shows that no token comes out."""
    terminal.title("9. The same in the Next.js application")
    with stack.new_browser() as browser:
        page = browser.get("/notes", headers={"sec-fetch-mode": "navigate"})
        claim(page.status_code in (302, 307), f"without a session: {page.status_code}")
        terminal.result("A page that needs a session sends the browser to /login.")

        _sign_in(browser, user)
        names = {cookie.name for cookie in browser.cookies.jar}
        claim("__Secure-authjs.session-token" in names or _v4(names), f"cookies: {names}")
        terminal.result("NextAuth signs Alice in; the browser now has an encrypted cookie.")

        note = {"text": "written in the application"}
        own = {"origin": stack.origin, "sec-fetch-site": "same-origin"}
        answer = browser.post("/api/notes/", json=note, headers=own)
        claim(answer.status_code == 201, f"a note: {answer.status_code}")
        answer = browser.get("/api/notes/")
        texts = [note["text"] for note in answer.json()]
        claim("written in the application" in texts, "the note is not there")
        terminal.result('fetch("/api/notes/"): Envoy adds the token, Django answers.')

        page = browser.get("/profile")
        claim(page.status_code == 200 and user.name in page.text, f"/profile: {page.status_code}")
        claim("eyJ" not in page.text, "there is something like a token in the page")
        terminal.result("A server component asks the same API, with the browser's cookie.")

        _sign_out(browser)
        answer = browser.get("/api/notes/")
        claim(answer.status_code == 401, f"after signing out: {answer.status_code}")
        terminal.result("After signing out the API answers 401.")


def _v4(names: set[str]) -> bool:
    return "__Secure-next-auth.session-token" in names


def _sign_in(browser: httpx.Client, user: User) -> None:
    form = {"username": user.name, "password": user.password, "callbackUrl": "/notes"}
    _post(browser, "/api/auth/callback/credentials", form)
    session = browser.get("/api/auth/session").json() or {}
    claim(session.get("user", {}).get("name") == user.name, "NextAuth did not sign Alice in")


def _sign_out(browser: httpx.Client) -> None:
    _post(browser, "/api/auth/signout", {"callbackUrl": "/"})


def _post(browser: httpx.Client, path: str, form: dict[str, Any]) -> None:
    """NextAuth's forms carry its CSRF token."""
    token = browser.get("/api/auth/csrf").json()["csrfToken"]
    answer = browser.post(path, data={**form, "csrfToken": token, "json": "true"})
    claim(answer.status_code in (200, 302), f"{path}: {answer.status_code}")
