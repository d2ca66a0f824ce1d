"""Fills a new database: argv[1] users, `user0` and so on, with the password in STACK_PASSWORD."""

import os
import sys

import django
from django.core.management import call_command

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402

call_command("migrate", verbosity=0)
User = get_user_model()
password = make_password(os.environ["STACK_PASSWORD"])
User.objects.bulk_create(
    User(id=number + 1, username=f"user{number}", password=password)
    for number in range(int(sys.argv[1]))
)
