"""django-allauth's headless app client with JWTs, as docs/configuration.md asks for it."""

import os

from stack_settings import *  # noqa: F403

ROOT_URLCONF = "dialects.allauth_urls"
INSTALLED_APPS += [  # noqa: F405
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
]
MIDDLEWARE += [  # noqa: F405
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

ACCOUNT_EMAIL_VERIFICATION = "none"
# Too many of the tests' logins come from one address.
ACCOUNT_RATE_LIMITS = {"login": "1000000/m/ip", "login_failed": "2/m/key"}

HEADLESS_ONLY = True
HEADLESS_CLIENTS = ["app"]
HEADLESS_TOKEN_STRATEGY = os.environ.get(
    "STACK_TOKEN_STRATEGY", "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"
)
# RS256 wants a key of its own; nothing but Django reads these tokens.
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = int(os.environ["ACCESS_TOKEN_SECONDS"])
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = int(os.environ["REFRESH_TOKEN_SECONDS"])

REST_FRAMEWORK = REST_FRAMEWORK | {  # noqa: F405
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication"
    ],
}
