"""What all browser tests share: one Playwright, one set of parts per application, and a browser for
each test, on whose record nothing may be that a browser must not get."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from browser import site as sites
from browser.chromium import executable
from browser.recorder import PATIENCE, Recorder
from browser.site import Site
from demo.processes import PartError
from demo.stack import MODULE, ROOT

_PASSED = pytest.StashKey[bool]()


def _cannot(reason: str) -> None:
    """Not every machine can; continuous integration has to."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


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
        _cannot("no Chromium: apt install chromium, or name one in TOKEN_RELAY_CHROMIUM")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """Starts an application, unless it runs."""
    with ExitStack() as stack:

        @cache
        def start(name: str) -> Site:
            folder = tmp_path_factory.mktemp(name)
            try:
                return stack.enter_context(sites.running(name, folder))
            except PartError as error:
                # Not again for every test.
                pytest.exit(str(error), returncode=1)

        yield start


@pytest.fixture(scope="session")
def module() -> None:
    """Envoy has something to load."""
    if not MODULE.is_file():
        pytest.fail("target/token_relay.wasm is missing: make build")


@pytest.fixture(params=sites.NAMES)
def site(request: pytest.FixtureRequest, module: None, start: Callable[[str], Site]) -> Site:
    """Each of the applications in turn."""
    version = sites.NEXT_AUTH.get(request.param)
    if version and not (ROOT / f"target/nextjs/v{version}/.next/BUILD_ID").is_file():
        pytest.fail(f"target/nextjs/v{version} is missing: scripts/nextjs build")
    return start(request.param)


@pytest.fixture
def browser(
    request: pytest.FixtureRequest, playwright: Playwright, artefacts: Path, site: Site
) -> Iterator[Recorder]:
    """A browser of the test's own."""
    test = request.node.originalname.removeprefix("test_")
    recorder = Recorder(playwright, artefacts, f"{site.application.name}-{test}")
    yield recorder
    failed = not request.node.stash.get(_PASSED, False)
    recorder.close(trace=artefacts / f"{recorder.name}.zip" if failed else None)
    assert site.leaks(recorder.everything) == []
    recorder.assert_complete()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report
