"""dj-rest-auth with JWTs, as docs/configuration.md asks for it."""

import os
from pathlib import Path

from stack_settings import *  # noqa: F403

ROOT_URLCONF = "dialects.dj_rest_auth_urls"
INSTALLED_APPS += ["dj_rest_auth"]  # noqa: F405

REST_AUTH = {
    "USE_JWT": True,
    # Its default, True, keeps the refresh token from the relay.
    "JWT_AUTH_HTTPONLY": os.environ.get("STACK_HTTPONLY") == "1",
    "JWT_AUTH_REFRESH_COOKIE": "refresh" if os.environ.get("STACK_HTTPONLY") == "1" else None,
    "SESSION_LOGIN": False,
    "TOKEN_MODEL": None,
}

# Logins are counted by the caller's address, in a place that all workers share.
REST_FRAMEWORK = REST_FRAMEWORK | {  # noqa: F405
    "DEFAULT_THROTTLE_CLASSES": ["dialects.throttle.ExampleAddresses"],
    "DEFAULT_THROTTLE_RATES": {"dj_rest_auth": "2/hour"},
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": Path(os.environ["DJANGO_DB"]).with_name("cache"),
    }
}
