"""Settings of the example API. What differs between machines comes from the environment."""

import os
from datetime import timedelta
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# Also signs the tokens, so it has to be long (HS256: at least 32 bytes) and secret.
SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
DEBUG = os.environ.get("DJANGO_DEBUG") == "1"

# `issuer.authority` of the relay must be in here, as well as the host that browsers ask for.
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1").split(",")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    # Without this app BLACKLIST_AFTER_ROTATION does nothing, silently.
    "rest_framework_simplejwt.token_blacklist",
    "accounts",
    "grace",
    "notes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]

ROOT_URLCONF = "backend.urls"
WSGI_APPLICATION = "backend.wsgi.application"

# SQLite under several gunicorn workers: readers do not block the writer (WAL), a transaction
# that will write takes its lock at the start (IMMEDIATE) and waits for it (timeout) in place of
# failing with "database is locked". Requests are not atomic as a whole, as in most projects:
# simplejwt then accepts one refresh token twice when two requests race, and what keeps them from
# racing is the relay.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DJANGO_DB", BASE_DIR / "db.sqlite3"),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Nothing here knows of the relay: it is an API that takes bearer tokens.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}


def seconds(name: str, default: int) -> timedelta:
    """A lifetime in whole seconds from the environment."""
    return timedelta(seconds=int(os.environ.get(name, default)))


SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": seconds("ACCESS_TOKEN_SECONDS", 300),
    "REFRESH_TOKEN_LIFETIME": seconds("REFRESH_TOKEN_SECONDS", 86400),
    "ROTATE_REFRESH_TOKENS": os.environ.get("ROTATE_REFRESH_TOKENS", "1") == "1",
    "BLACKLIST_AFTER_ROTATION": True,
    "TOKEN_REFRESH_SERIALIZER": "grace.serializers.GraceTokenRefreshSerializer",
    "TOKEN_BLACKLIST_SERIALIZER": "grace.serializers.GraceTokenBlacklistSerializer",
}

# For so long a refresh whose answer got lost can be repeated. 0: SimpleJWT as it is. See README.md.
REFRESH_TOKEN_GRACE = seconds("REFRESH_TOKEN_GRACE_SECONDS", 0)

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
