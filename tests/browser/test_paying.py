"""The wallet's page with a real gateway: a till's order is scanned, shown, paid and ends up paid, or says why not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Page
from tests.browser.pictures import qr_picture
from tests.end_to_end.conftest import Market
from tests.gateway_process import ROOT
from tests.merchants import open_shop

#: The kind of store does not matter to a page.
pytestmark = pytest.mark.parametrize("running_market", ["sqlite"], indirect=True)

HOSTILE = '<img src=x onerror="window.hacked = 1"><b>bold</b>\'&lt;'
POOR, FROZEN, WITH_PIN = "2088000000000002", "2088000000000003", "2088000000000005"


def command(market: Market, *arguments: str) -> dict[str, Any]:
    """What a command of the gateway's prints as JSON."""
    program = (sys.executable, "-c", "from acqp_gateway.cli import main; main()")
    done = subprocess.run(
        (*program, *arguments, "--json"),
        cwd=ROOT,
        env=market.gateway.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def place_by_command(market: Market) -> dict[str, Any]:
    """Place an order as a till's operator does."""
    return command(
        market,
        *("orders", "place", "--merchant", market.shop.merchant_id, "--store", market.shop.store_id),
        *("--amount", "1500", "--currency", "JPY", "--description", "2 lattes", "--terminal-id", "T1"),
    )


def paid(page: Page) -> None:
    """Wait until the page says so."""
    page.wait_until("document.getElementById('end-headline').textContent === 'Paid'")


def yuan(balance: str) -> Decimal:
    """A balance as the page writes it, such as ¥10,000.00 CNY."""
    return Decimal(re.sub("[^0-9.]", "", balance))


def look_up(page: Page, code: str) -> None:
    page.write("code", code)
    page.click("code-button")


def begin(page: Page, customer_id: str | None = None) -> None:
    page.enter("/")
    page.choose("psp", "ALIPAY_CN")
    if customer_id is not None:
        page.choose("user", customer_id)


def test_an_order_of_the_command_line_is_scanned_from_a_picture_and_paid(
    wallet: Page, market: Market, tmp_path: Path
) -> None:
    order = place_by_command(market)
    begin(wallet)
    wallet.wait_for_text("balance", "CNY")
    balance = wallet.text("balance")
    wallet.choose_file("picture", qr_picture(tmp_path / "code.png", order["codeValue"]))
    wallet.wait_for("order-view")
    assert wallet.text("shop-name") == "Corner Coffee"
    assert wallet.text("shop-store") == "Corner Coffee Shibuya"
    assert wallet.text("order-amount") == "¥1,500 JPY"
    assert "2 lattes" in wallet.text("order-facts")
    assert "costs you ¥69.68 CNY" in wallet.text("order-cost")
    assert wallet.text("order-time").startswith("Pay within ")
    wallet.click("pay-button")
    wallet.wait_for("end-view")
    paid(wallet)
    assert wallet.texts(".step-done") == [
        f"{step} (done)" for step in ("Your wallet pays", "The shop is told", "Paid")
    ]
    assert wallet.text("end-amount") == "¥1,500 JPY"
    wallet.wait_until("document.getElementById('balance').textContent !== given[0]", balance)
    assert yuan(balance) - yuan(wallet.text("balance")) == Decimal("69.68")
    assert command(market, "orders", "show", order["paymentRequestId"])["state"] == "PAID"


def test_every_signed_message_of_the_flow_is_listed_and_opens(wallet: Page, market: Market) -> None:
    order = market.shop.place()
    begin(wallet)
    look_up(wallet, order.code_value)
    wallet.click("pay-button")
    paid(wallet)
    wallet.wait_for_text("messages", "pushPayment")
    [scan] = market.sandbox.done("GET", "scans?limit=1")["scans"]
    messages = sorted(market.messages(scan), key=lambda message: str(message["time"]))
    assert wallet.texts("#messages .message-api") == [message["api"] for message in messages]
    assert set(wallet.texts("#messages .badge")) == {"verified"}
    for number, message in enumerate(messages, 1):
        line = f"#messages .message:nth-child({number})"
        wallet.click(f"{line} summary")
        wallet.wait_for(f"{line} pre")
        blocks = wallet.texts(f"{line} pre")
        assert blocks[1] == message["request"]["signedText"]
        assert json.loads(blocks[2]) == json.loads(message["answer"]["body"])
        assert blocks[3] == message["answer"]["signedText"]


def test_the_sister_product_pays_too(wallet: Page, market: Market) -> None:
    begin(wallet)
    wallet.click(".testers summary")
    wallet.choose("mode", "notify")
    wallet.write("speed", "20")
    look_up(wallet, market.shop.place().code_value)
    wallet.click("pay-button")
    paid(wallet)
    wallet.wait_for_text("messages", "notifyPayment")


def test_the_pin_is_asked_for_and_a_wrong_one_pays_nothing(wallet: Page, market: Market) -> None:
    order = market.shop.place()
    begin(wallet, WITH_PIN)
    look_up(wallet, order.code_value)
    wallet.click("pay-button")
    wallet.wait_for_text("pay-notice", "Enter the PIN")
    wallet.write("pin", "000000")
    wallet.click("pay-button")
    wallet.wait_for_text("end-headline", "Wrong PIN")
    assert wallet.text("end-code") == "F USER_PAYMENT_VERIFICATION_FAILED"
    assert market.accepted(order) == []
    wallet.click("retry-button")
    wallet.wait_for("order-view")
    wallet.write("pin", "246810\n")
    paid(wallet)
    assert market.state(order) == "PAID"


@pytest.mark.parametrize(
    ("customer_id", "headline", "code"),
    [
        (POOR, "Not enough money", "F USER_BALANCE_NOT_ENOUGH"),
        (FROZEN, "Your account is blocked", "F USER_STATUS_ABNORMAL"),
    ],
)
def test_what_the_wallet_refuses_is_said_in_words(
    wallet: Page, market: Market, customer_id: str, headline: str, code: str
) -> None:
    order = market.shop.place()
    begin(wallet, customer_id)
    look_up(wallet, order.code_value)
    wallet.click("pay-button")
    wallet.wait_for_text("end-headline", headline)
    assert wallet.text("end-code") == code
    assert market.accepted(order) == []


def test_what_the_gateway_refuses_is_said_in_words(wallet: Page, market: Market) -> None:
    begin(wallet)
    look_up(wallet, "https://pay.acqp.example/281006040001NOBODY")
    wallet.wait_for_text("end-headline", "This code cannot be paid")
    assert wallet.text("end-code") == "F INVALID_CODE"
    order = market.shop.place()
    market.pay(market.scan(order.code_value))
    wallet.click("again-button")
    look_up(wallet, order.code_value)
    wallet.wait_for_text("end-headline", "This order is closed")
    assert wallet.text("end-code") == "F ORDER_IS_CLOSED"


def test_who_leaves_or_waits_too_long_pays_nothing(wallet: Page, market: Market) -> None:
    order = market.shop.place()
    begin(wallet)
    look_up(wallet, order.code_value)
    wallet.click("leave-button")
    wallet.wait_for_text("end-headline", "You have left")
    short = market.shop.place(expires_in_s=5)
    wallet.click("again-button")
    look_up(wallet, short.code_value)
    wallet.wait_for("order-view")
    wallet.wait_for_text("end-headline", "The time to pay is over")
    assert market.accepted(order) == market.accepted(short) == []


def test_a_reloaded_page_goes_on_where_it_was(wallet: Page, market: Market) -> None:
    begin(wallet, WITH_PIN)
    look_up(wallet, market.shop.place().code_value)
    wallet.wait_for("order-view")
    wallet.driver.refresh()
    wallet.wait_for("order-view")
    assert wallet.value("user") == WITH_PIN
    wallet.wait_for_text("messages", "userInitiatedPay")


def test_what_a_shop_wrote_is_shown_as_text(wallet: Page, market: Market) -> None:
    shop = open_shop(market.store, merchant={"name": HOSTILE, "display_name": HOSTILE})
    begin(wallet)
    look_up(wallet, shop.place(description=HOSTILE).code_value)
    wallet.wait_for("order-view")
    assert wallet.text("shop-name") == HOSTILE
    assert HOSTILE in wallet.text("order-facts")
    wallet.wait_for_text("messages", "userInitiatedPay")
    wallet.click("#messages summary")
    wallet.wait_for_text("messages", "window.hacked")
    assert wallet.run("return [window.hacked ?? null, document.querySelectorAll('main img, main b').length];") == [
        None,
        0,
    ]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_step_hangs_over_the_edge_or_leaves_this_machine(
    wallet: Page, market: Market, size: tuple[int, int, bool]
) -> None:
    wallet.resize(size)
    begin(wallet)
    look_up(wallet, market.shop.place(description="W" * 256).code_value)
    wallet.wait_for("order-view")
    assert wallet.sideways_pixels() == 0
    wallet.click("pay-button")
    paid(wallet)
    assert wallet.sideways_pixels() == 0
    wallet.click("#messages summary")
    wallet.wait_for("#messages pre")
    assert wallet.sideways_pixels() == 0
    assert wallet.requested_hosts() == {wallet.base.removeprefix("http://")}
