"""The token: asked for once a tab, kept nowhere else, and never part of an address."""

from __future__ import annotations

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Page

PATHS = ["/", "/other-side"]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_the_form_says_where_it_lies(page: Page, path: str) -> None:
    page.open(path)
    page.wait_for("sign-in")
    assert not page.is_shown("content")
    assert not page.is_shown("sign-out")
    assert "var/sandbox/control-token" in page.visible_text()
    assert page.run("return document.activeElement.id;") == "token"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", ["wrong", "not a token", "\u00fc"])
def test_a_wrong_token_is_said_and_not_kept(page: Page, path: str, token: str) -> None:
    page.open(path)
    page.write("token", token)
    page.click("sign-in-button")
    page.wait_for("sign-in-notice")
    assert "token" in page.text("sign-in-notice")
    assert not page.is_shown("content")
    assert page.run("return sessionStorage.length;") == 0


def test_the_true_token_is_kept_for_this_tab_alone(page: Page) -> None:
    page.enter("/other-side")
    page.open("/")
    page.wait_for("content")
    kept = page.run("return [sessionStorage.getItem('control-token'), localStorage.length, document.cookie];")
    assert kept == [page.token, 0, ""]
    assert [url for url in page.requested_urls() if page.token in url] == []
    assert page.token not in page.driver.current_url
    page.driver.switch_to.new_window("tab")
    page.open("/")
    page.wait_for("sign-in")
    page.driver.close()
    page.driver.switch_to.window(page.driver.window_handles[-1])


def test_signing_out_forgets_the_token_and_what_was_shown(page: Page) -> None:
    page.enter("/other-side")
    page.click("sign-out")
    page.wait_for("sign-in")
    assert page.run("return sessionStorage.length;") == 0
    assert not page.is_shown("content")


def test_a_token_that_is_no_longer_right_asks_for_another(page: Page) -> None:
    page.enter("/other-side")
    page.run("sessionStorage.setItem('control-token', 'of-yesterday');")
    page.click(".tabs a[href='#messages']")
    page.wait_for("sign-in-notice")
    assert not page.is_shown("content")


def test_the_form_can_be_used_by_keyboard_alone(page: Page) -> None:
    page.open("/")
    page.wait_for("sign-in")
    page.driver.switch_to.active_element.send_keys(page.token + "\n")
    page.wait_for("content")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_leaves_this_machine_and_nothing_hangs_over_the_edge(
    page: Page, path: str, size: tuple[int, int, bool]
) -> None:
    page.resize(size)
    page.open(path)
    page.wait_for("sign-in")
    assert page.sideways_pixels() == 0
    page.enter(path)
    assert page.sideways_pixels() == 0
    assert page.requested_hosts() == {page.base.removeprefix("http://")}
