"""Opens NextAuth's session cookies as their owner can: with the secret."""

import json
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from demo.cookie import encryption_key

COOKIES = ("__Secure-authjs.session-token", "__Secure-next-auth.session-token")


class CannotOpen(Exception):
    """The value is no session of this secret."""


def claims(secret: str, cookie: str, value: str) -> dict[str, Any]:
    """What the cookie says: next-auth 4 and 5 differ in the key."""
    try:
        key = OctKey.import_key(_key(secret, cookie))
        opened = jwe.decrypt_compact(value, key, algorithms=["dir", "A256GCM", "A256CBC-HS512"])
        return json.loads(opened.plaintext or b"")
    except (JoseError, ValueError) as error:
        raise CannotOpen from error


def _key(secret: str, cookie: str) -> bytes:
    if "next-auth" not in cookie:
        return encryption_key(secret, cookie)
    info = b"NextAuth.js Generated Encryption Key"
    return HKDF(algorithm=SHA256(), length=32, salt=b"", info=info).derive(secret.encode())
