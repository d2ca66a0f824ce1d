"""The tests' settings with a middleware that notes the uses of refresh tokens."""

from stack_settings import *  # noqa: F403
from stack_settings import MIDDLEWARE

MIDDLEWARE = ["presentations.middleware.Presentations", *MIDDLEWARE]
