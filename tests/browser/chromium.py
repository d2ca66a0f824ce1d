"""The system's Chromium, driven by Playwright, which brings none of its own."""

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> Path | None:
    """Where it is: what TOKEN_RELAY_CHROMIUM names, else Debian's Chromium or Google's Chrome."""
    chosen = os.environ.get("TOKEN_RELAY_CHROMIUM")
    for name in [chosen] if chosen else ["chromium", "google-chrome"]:
        if found := shutil.which(name):
            return Path(found)
    return None


def launch(playwright: Playwright, arguments: list[str]) -> Browser:
    return playwright.chromium.launch(executable_path=executable(), args=[*_QUIET, *arguments])
