"""Fills a new database: argv[1] users, `user0` and so on, with the password in STACK_PASSWORD.

With django-oauth-toolkit also the client `relay` with the secret in STACK_CLIENT_SECRET, and with
allauth's MFA a user `twofactor`, who has the same password and an authenticator app.
"""

import os
import sys

import django
from django.core.management import call_command

django.setup()

from django.apps import apps  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402

call_command("migrate", verbosity=0)
User = get_user_model()
password = make_password(os.environ["STACK_PASSWORD"])
User.objects.bulk_create(
    User(id=number + 1, username=f"user{number}", password=password)
    for number in range(int(sys.argv[1]))
)

if apps.is_installed("oauth2_provider"):
    from oauth2_provider.models import Application

    Application.objects.create(
        name="relay",
        client_id="relay",
        client_secret=os.environ["STACK_CLIENT_SECRET"],
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_PASSWORD,
    )

if apps.is_installed("allauth.mfa"):
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    TOTP.activate(
        User.objects.create(username="twofactor", password=password), generate_totp_secret()
    )
