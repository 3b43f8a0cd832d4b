"""Debian's Chromium without a window, and what a test does with a page of the sandbox in it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.common.exceptions import JavascriptException
from selenium.webdriver import ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

#: Width and height in pixels, and whether it is a phone.
PHONE = (390, 844, True)
DESKTOP = (1280, 900, False)
_WAIT_S = 20.0

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing of its own goes anywhere, and nothing of a page's beyond this machine.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def binaries() -> tuple[str, str]:
    """Chromium and its driver; skips the test where they are missing, but fails it in CI."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if found[0] and found[1]:
        return found[0], found[1]
    text = "chromium or chromedriver is missing; run: bash tests/install-packages chromium chromium-driver"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@contextmanager
def chromium(folder: Path, *, camera: Path | None = None) -> Iterator[WebDriver]:
    """A browser of its own; `camera` is the Y4M file that it sees in place of one."""
    browser, driver = binaries()
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (*_ARGUMENTS, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    if camera is not None:
        options.add_argument("--use-fake-device-for-media-stream")
        options.add_argument("--use-fake-ui-for-media-stream")
        options.add_argument(f"--use-file-for-fake-video-capture={camera}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(driver)
    started = WebDriver(options=options, service=service)
    try:
        yield started
    finally:
        started.quit()


@dataclass(frozen=True)
class Page:
    """One tab. Elements are named by their id, or by any CSS selector that begins otherwise."""

    driver: WebDriver
    base: str
    token: str

    def resize(self, size: tuple[int, int, bool]) -> None:
        """Make it a phone or a desktop."""
        width, height, is_phone = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, path: str = "/") -> None:
        """Go there, whatever was open before."""
        self.driver.get("about:blank")
        self.driver.get(self.base + path)

    def enter(self, path: str = "/") -> None:
        """Go there and sign in with the true token."""
        self.open(path)
        self.write("token", self.token)
        self.click("sign-in-button")
        self.wait_for("content")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns; it may await."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...[...arguments].slice(0, -1))"
            ".then(done, (error) => done({ thrown: String(error) }))"
        )
        found = self.driver.execute_async_script(wrapped, *arguments)
        if isinstance(found, dict) and "thrown" in found:
            raise JavascriptException(found["thrown"])
        return found

    def wait_until(self, condition: str, *arguments: Any) -> None:
        """Wait until an expression of the page is true; `given` holds the arguments."""
        deadline = time.monotonic() + _WAIT_S
        while not self.run(f"return Boolean({condition});", *arguments):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {_WAIT_S} s: {condition} {arguments}; {self.visible_text()[:2000]}")
            time.sleep(0.03)

    def wait_for(self, name: str) -> None:
        """Wait until an element is shown."""
        self.wait_until("document.querySelector(given[0])?.checkVisibility()", _selector(name))

    def wait_for_text(self, name: str, text: str) -> None:
        """Wait until an element holds a text."""
        self.wait_until("document.querySelector(given[0])?.textContent.includes(given[1])", _selector(name), text)

    def is_shown(self, name: str) -> bool:
        """Whether an element is there and shown."""
        return bool(self.run("return document.querySelector(given[0])?.checkVisibility();", _selector(name)))

    def click(self, name: str) -> None:
        """Press an element, where a person could."""
        self.wait_for(name)
        self.driver.find_element("css selector", _selector(name)).click()

    def write(self, name: str, text: str) -> None:
        """Write into a field, in place of what it holds."""
        self.wait_for(name)
        element = self.driver.find_element("css selector", _selector(name))
        element.clear()
        element.send_keys(text)

    def choose(self, name: str, value: str) -> None:
        """Choose an option of a select."""
        self.wait_until("document.querySelector(given[0] + ` option[value='${given[1]}']`)", _selector(name), value)
        self.run(
            "const select = document.querySelector(given[0]); select.value = given[1];"
            "select.dispatchEvent(new Event('change', { bubbles: true }));",
            _selector(name),
            value,
        )

    def choose_file(self, name: str, path: Path) -> None:
        """Choose a file in a file field."""
        self.driver.find_element("css selector", _selector(name)).send_keys(str(path))

    def text(self, name: str) -> str:
        """What an element holds, be it shown or not; blanks at its ends left out."""
        return str(self.run("return document.querySelector(given[0]).textContent;", _selector(name))).strip()

    def texts(self, selector: str) -> list[str]:
        """What each of several elements holds."""
        found = self.run("return [...document.querySelectorAll(given[0])].map((each) => each.textContent);", selector)
        return [str(text).strip() for text in found]

    def value(self, name: str) -> str:
        """What a field holds."""
        return str(self.run("return document.querySelector(given[0]).value;", _selector(name)))

    def visible_text(self) -> str:
        """All that a person can read."""
        return str(self.run("return document.body.innerText;"))

    def sideways_pixels(self) -> int:
        """How far the page can be scrolled sideways."""
        return int(self.run("const page = document.documentElement; return page.scrollWidth - page.clientWidth;"))

    def console(self) -> list[str]:
        """What the console got since it was last asked, but for the refusals that tests provoke."""
        return [entry["message"] for entry in self._log("browser") if "status of 4" not in entry["message"]]

    def requested_hosts(self) -> set[str]:
        """The hosts and ports that the tab wanted something from since it was last asked."""
        return {urlsplit(url).netloc for url in self.requested_urls() if urlsplit(url).scheme not in ("blob", "data")}

    def requested_urls(self) -> Sequence[str]:
        """The URLs that the tab wanted since it was last asked."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def _log(self, kind: str) -> Sequence[dict[str, Any]]:
        """The entries of one of the browser's logs since it was last asked."""
        found: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]  # selenium's own
        return found


def _selector(name: str) -> str:
    return f"#{name}" if name.replace("-", "").isalnum() else name
