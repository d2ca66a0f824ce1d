"""A secret as it may look after somebody encoded it, and the search for all of that at once."""

import base64
import re
from collections.abc import Iterator
from functools import cache

from browser.seen import Seen

#: Any signed token, also one that nobody knew of.
JWT = re.compile(rb"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")
#: NextAuth's encrypted cookie: nothing between its first two dots.
JWE = re.compile(rb"eyJ[\w-]{8,}\.\.[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")


@cache
def needles(secret: str) -> dict[str, bytes]:
    """What to look for, by the name of the disguise; percent-encoding is undone in the haystack."""
    plain = secret.encode()
    found = {"plain": plain, "hex": plain.hex().encode(), "HEX": plain.hex().upper().encode()}
    for offset in range(3):
        found[f"base64 +{offset}"] = _base64(plain, offset)
        found[f"base64url +{offset}"] = _base64(plain, offset).translate(_URL)
    return found


def disguise(secret: str, name: str) -> str:
    """The secret inside something longer, disguised: for the proof that it is found."""
    if name == "plain":
        return f"x{secret}y"
    if name in ("hex", "HEX"):
        text = f"x{secret}y".encode().hex()
        return text if name == "hex" else text.upper()
    if name == "percent":
        return "".join(f"%{byte:02x}" for byte in f"x{secret}y".encode())
    kind, offset = name.split(" +")
    around = "é" * 3 + "x" * int(offset) + secret + "y"
    data = around.encode()
    return (base64.b64encode if kind == "base64" else base64.urlsafe_b64encode)(data).decode()


def finds(seen: Seen, secret: str) -> Iterator[str]:
    """The names of the disguises in which the secret is there."""
    for name, needle in needles(secret).items():
        if any(needle in layer for layer in seen.layers):
            yield name


def _base64(data: bytes, offset: int) -> bytes:
    """The characters that stand for `data` in Base64 of anything that has it at 3n + offset."""
    text = base64.b64encode(bytes(offset) + data)
    first = -(-8 * offset // 6)
    last = 8 * (offset + len(data)) // 6
    return text[first:last]


_URL = bytes.maketrans(b"+/", b"-_")
NAMES = [*needles("any"), "percent"]
