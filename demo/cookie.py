"""The session cookie as NextAuth v5 (Auth.js) makes it: an encrypted JWT with `alg: dir`.

Format: @auth/core 0.41, `jwt.ts`. The key comes from the secret with the cookie's name as salt.
"""

import base64
import hashlib
import json
import time
import uuid

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.jwk import OctKey

COOKIE_NAME = "__Secure-authjs.session-token"  # on http it is authjs.session-token


def session_cookie(secret: str, session_id: str, username: str, lifetime: int) -> str:
    """The cookie's value for a session; `lifetime` in seconds."""
    now = int(time.time())
    claims = {
        "name": username,
        "sub": username,
        "sid": session_id,
        "iat": now,
        "exp": now + lifetime,
        "jti": str(uuid.uuid4()),
    }
    key = encryption_key(secret, COOKIE_NAME)
    header = {"alg": "dir", "enc": "A256CBC-HS512", "kid": thumbprint(key)}
    return jwe.encrypt_compact(header, json.dumps(claims), OctKey.import_key(key))


def encryption_key(secret: str, salt: str) -> bytes:
    """HKDF-SHA256 of the secret's UTF-8 bytes: 64 bytes."""
    info = f"Auth.js Generated Encryption Key ({salt})"
    hkdf = HKDF(algorithm=SHA256(), length=64, salt=salt.encode(), info=info.encode())
    return hkdf.derive(secret.encode())


def thumbprint(key: bytes) -> str:
    """RFC 7638, with SHA-512 for a 64-byte key: the token's `kid`."""
    jwk = f'{{"k":"{_base64url(key)}","kty":"oct"}}'
    return _base64url(hashlib.sha512(jwk.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
