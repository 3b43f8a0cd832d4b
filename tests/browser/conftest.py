"""One browser and one sandbox for all tests of the pages; each test gets a tab that nobody has signed in to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.browser.chromium import DESKTOP, Page, chromium
from tests.end_to_end import conftest as of_market
from tests.end_to_end.conftest import Market
from tests.sandbox import conftest as of_sandbox
from tests.sandbox.processes import Sandbox

sandbox_keys = of_sandbox.sandbox_keys
running_sandbox = of_sandbox.running_sandbox
sandbox = of_sandbox.sandbox
market_keys = of_market.market_keys
running_market = of_market.running_market
market = of_market.market


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Chromium, started once."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@contextmanager
def fresh_tab(browser: WebDriver, sandbox: Sandbox) -> Iterator[Page]:
    """A tab of a desktop's size; whatever a test does, its console has no error at the end."""
    kept = browser.current_window_handle
    browser.switch_to.new_window("tab")
    tab = page_in(browser, sandbox)
    tab.resize(DESKTOP)
    # What was logged before is another test's.
    tab.console()
    tab.requested_urls()
    yield tab
    errors = tab.console()
    browser.close()
    browser.switch_to.window(kept)
    assert errors == []


@pytest.fixture
def page(browser: WebDriver, sandbox: Sandbox) -> Iterator[Page]:
    """A fresh tab for a sandbox without a gateway."""
    with fresh_tab(browser, sandbox) as tab:
        yield tab


@pytest.fixture(scope="module")
def opened(browser: WebDriver, running_sandbox: Sandbox) -> Iterator[Page]:
    """A tab with a page that nobody signs in to, for tests that use its modules alone."""
    with fresh_tab(browser, running_sandbox) as tab:
        tab.open("/")
        yield tab


@pytest.fixture
def wallet(browser: WebDriver, market: Market) -> Iterator[Page]:
    """A fresh tab for the sandbox of a market, where a gateway answers."""
    with fresh_tab(browser, market.sandbox) as tab:
        yield tab


def page_in(driver: WebDriver, sandbox: Sandbox) -> Page:
    """The browser's tab as one of this sandbox's pages."""
    return Page(driver, f"http://127.0.0.1:{sandbox.process.address[1]}", sandbox.process.token())
