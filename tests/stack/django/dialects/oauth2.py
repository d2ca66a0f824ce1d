"""django-oauth-toolkit, as docs/configuration.md asks for it."""

import os

from stack_settings import *  # noqa: F403

ROOT_URLCONF = "dialects.oauth2_urls"
INSTALLED_APPS += ["oauth2_provider"]  # noqa: F405

OAUTH2_PROVIDER = {
    "ACCESS_TOKEN_EXPIRE_SECONDS": int(os.environ["ACCESS_TOKEN_SECONDS"]),
    "REFRESH_TOKEN_EXPIRE_SECONDS": int(os.environ["REFRESH_TOKEN_SECONDS"]),
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": int(os.environ["REFRESH_TOKEN_GRACE_SECONDS"]),
    "REFRESH_TOKEN_REUSE_PROTECTION": os.environ.get("STACK_REUSE_PROTECTION") == "1",
}

REST_FRAMEWORK = REST_FRAMEWORK | {  # noqa: F405
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "oauth2_provider.contrib.rest_framework.OAuth2Authentication"
    ],
}
