"""Whether anything of what a browser got is what it must never get."""

import json
from collections.abc import Iterable, Iterator, Mapping

from browser.disguises import JWE, JWT, finds, needles
from browser.nextauth import CannotOpen, claims
from browser.seen import Seen


def leaks(everything: Iterable[Seen], secrets: Mapping[str, str], id_cookie: str) -> Iterator[str]:
    """What was found and where; the secret itself is not told.

    A session id may stand in the cookie `id_cookie`, and nowhere else.
    """
    everything = list(everything)
    # Much came more than once. All at once, because most secrets are nowhere.
    haystack = b"\0".join({layer for seen in everything for layer in seen.layers})
    suspects = {
        secret: kind
        for secret, kind in secrets.items()
        if any(needle in haystack for needle in needles(secret).values())
    }
    for seen in everything:
        for secret, kind in suspects.items():
            if kind == "session id" and seen.cookie == id_cookie:
                continue
            for disguise in finds(seen, secret):
                yield f"a {kind} ({disguise}) in {seen.where}"
        if JWT.search(seen.data):
            yield f"a signed token in {seen.where}"


def sealed_leaks(
    everything: Iterable[Seen],
    secrets: Mapping[str, str],
    auth_secret: str,
    cookies: Iterable[str],
) -> Iterator[str]:
    """The same for what NextAuth encrypted: only in its cookies, and with nothing but the id."""
    for seen in everything:
        if not JWE.search(seen.data):
            continue
        if seen.cookie not in cookies:
            yield f"an encrypted token in {seen.where}"
            continue
        try:
            opened = claims(auth_secret, seen.cookie, seen.data.decode())
        except CannotOpen:
            yield f"something that only looks like a session in {seen.where}"
            continue
        if secrets.get(opened.get("sid", "")) != "session id":
            yield f"no session id in {seen.where}"
        inside = Seen(f"what is sealed in {seen.where}", json.dumps(opened))
        tokens = {secret: kind for secret, kind in secrets.items() if kind != "session id"}
        yield from leaks([inside], tokens, "")
