"""What all browser tests share: one Playwright, and a folder for what is worth a look."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from browser.chromium import executable
from demo.stack import ROOT


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Screenshots, and traces of what failed."""
    folder = ROOT / "target" / "browser"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if executable() is None:
        reason = "no Chromium: apt install chromium, or name one in TOKEN_RELAY_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        yield playwright
