"""The other side's page: registrations are edited, faults set and cleared, messages shown; all text stays text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.chromium import DESKTOP, PHONE, Page
from tests.sandbox.processes import Sandbox, entry

HOSTILE = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>\'"&lt;{{7*7}}'


@pytest.fixture
def other(page: Page) -> Page:
    page.enter("/other-side")
    page.wait_for("part-registrations")
    return page


def again(page: Page, part: str) -> None:
    page.open(f"/other-side#{part}")
    page.wait_for(f"part-{part}")


def registered(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.done("GET", "registrations")["registrations"]
    return found


def test_without_registrations_the_page_says_how_to_begin(other: Page) -> None:
    other.wait_for("registrations-empty")
    assert "New registration" in other.text("registrations-empty")


def test_a_registration_is_made(other: Page, sandbox: Sandbox) -> None:
    other.click("new-registration")
    other.write("merchant-id", "M7")
    other.write("store-id", "S7")
    other.write("request-id", "R7")
    other.write(".psp-name-input", "GCASH")
    other.choose(".psp-status", "REJECTED")
    other.write(".psp-reason", "no papers")
    other.click("save-registration")
    other.wait_for_text("registrations", "M7 / S7")
    assert not other.is_shown("registration-dialog")
    assert registered(sandbox) == [
        {
            "referenceMerchantId": "M7",
            "referenceStoreId": "S7",
            "registrationRequestId": "R7",
            "registrationStatus": "COMPLETED",
            "pspRegistrationResultList": [entry("GCASH", "REJECTED", "no papers")],
        }
    ]


def test_a_registration_is_changed_where_it_was_changed_alone(other: Page, sandbox: Sandbox) -> None:
    kept = [
        entry("ALIPAY_CN", "HALFWAY", "line one\nline two"),
        {**entry("GCASH", "PENDING"), "productCodes": ["OWN"]},
    ]
    sandbox.register("M1", pspRegistrationResultList=kept)
    again(other, "registrations")
    other.click(".registration .button")
    other.wait_for("registration-dialog")
    other.choose(".psp-row:nth-child(2) .psp-status", "APPROVED")
    other.click("save-registration")
    other.wait_for_text("registrations", "APPROVED")
    assert registered(sandbox)[0]["pspRegistrationResultList"] == [kept[0], {**kept[1], "status": "APPROVED"}]
    assert registered(sandbox)[0]["registrationRequestId"] == "M1-R1"


@pytest.mark.parametrize("given", [{"pspRegistrationResultList": None}, {}], ids=["null", "left out"])
def test_a_list_that_is_null_or_left_out_stays_so(other: Page, sandbox: Sandbox, given: dict[str, Any]) -> None:
    sandbox.done("POST", "registrations", {"referenceMerchantId": "M1", "registrationRequestId": "R1", **given})
    before = registered(sandbox)
    again(other, "registrations")
    other.click(".registration .button")
    other.choose("collective", "PENDING")
    other.click("save-registration")
    other.wait_for_text("registrations", "PENDING")
    assert registered(sandbox) == [{**before[0], "registrationStatus": "PENDING"}]


def test_what_cannot_be_saved_says_why_and_is_still_there(other: Page, sandbox: Sandbox) -> None:
    sandbox.register("M1")
    other.click("new-registration")
    other.write("merchant-id", "M2")
    other.write("request-id", "M1-R1")
    other.click("save-registration")
    other.wait_for_text("registration-notice", "is one of merchant M1")
    assert other.value("merchant-id") == "M2"
    other.click("cancel-registration")
    assert not other.is_shown("registration-dialog")


def test_a_registration_is_deleted_after_a_second_press(other: Page, sandbox: Sandbox) -> None:
    sandbox.register("M1")
    again(other, "registrations")
    other.click(".registration .actions .button:last-child")
    assert other.texts(".registration .actions .button:last-child") == ["Really delete?"]
    assert len(registered(sandbox)) == 1
    other.click(".registration .actions .button:last-child")
    other.wait_for("registrations-empty")
    assert registered(sandbox) == []


def test_telling_a_gateway_that_does_not_answer_says_how_to_start_it(other: Page, sandbox: Sandbox) -> None:
    sandbox.register("M1")
    again(other, "registrations")
    other.click(".registration .actions .button:nth-child(2)")
    other.wait_for_text("registrations-notice", "start it with: acqp-gateway serve")


def test_saving_and_telling_is_one_press(other: Page, sandbox: Sandbox) -> None:
    other.click("new-registration")
    other.write("merchant-id", "M9")
    other.click("save-and-tell")
    other.wait_for_text("registrations-notice", "acqp-gateway serve")
    other.wait_for_text("registrations", "M9")
    assert sandbox.messages()[0]["api"] == "notifyRegistrationStatus"


def test_a_fault_is_set_and_cleared(other: Page, sandbox: Sandbox) -> None:
    again(other, "faults")
    other.choose("fault-api", "inquiryRegistrationStatus")
    other.choose("fault-name", "slow")
    assert other.text("fault-description") == sandbox.done("GET", "faults")["known"]["slow"]
    other.write("fault-times", "2")
    other.write("fault-ms", "40")
    other.write("fault-merchant", "M1")
    other.click("fault-button")
    other.wait_for_text("faults", "slow")
    wanted = {"api": "inquiryRegistrationStatus", "fault": "slow", "times": 2, "ms": 40, "merchant": "M1"}
    assert sandbox.done("GET", "faults")["faults"] == [wanted]
    assert "2 more times · 40 ms · only for M1" in other.text("faults")
    other.click("#faults .button")
    other.wait_for("faults-empty")
    assert sandbox.done("GET", "faults")["faults"] == []


def test_one_of_several_faults_is_cleared_and_then_all(other: Page, sandbox: Sandbox) -> None:
    for name in ("tampered", "stale", "unsigned"):
        sandbox.set_fault(name)
    again(other, "faults")
    other.wait_for("clear-faults")
    other.click("#faults li:nth-child(2) .button")
    other.wait_until("document.querySelectorAll('#faults li').length === 2")
    assert [each["fault"] for each in sandbox.done("GET", "faults")["faults"]] == ["tampered", "unsigned"]
    other.click("clear-faults")
    other.click("clear-faults")
    other.wait_for("faults-empty")
    assert sandbox.done("GET", "faults")["faults"] == []


def test_a_fault_that_takes_no_time_says_so(other: Page) -> None:
    again(other, "faults")
    other.choose("fault-name", "tampered")
    other.write("fault-ms", "5")
    other.click("fault-button")
    other.wait_for_text("fault-notice", "only for: slow")


def test_the_latency_is_set(other: Page, sandbox: Sandbox) -> None:
    again(other, "faults")
    other.write("latency", "3")
    other.click("latency-button")
    other.wait_for("latency-notice")
    assert sandbox.done("GET", "faults")["latencyMs"] == 3


def test_every_api_offers_its_faults(other: Page, sandbox: Sandbox) -> None:
    again(other, "faults")
    for api, of_api in sandbox.done("GET", "faults")["apis"].items():
        other.choose("fault-api", api)
        assert other.texts("#fault-name option") == list(of_api["known"])


def test_messages_open_to_everything_that_was_signed(other: Page, sandbox: Sandbox) -> None:
    sandbox.register("M1")
    sandbox.set_fault("tampered", times=1)
    sandbox.send(sandbox.request())
    sandbox.ask()
    again(other, "messages")
    other.wait_until("document.querySelectorAll('#history .message').length === 2")
    assert other.texts("#history .badge") == ["verified", "verified"]
    assert other.texts("#history .message-result") == ["SUCCESS", "SUCCESS fault tampered"]
    other.click("#history .message:nth-child(2) summary")
    other.wait_for("#history .message:nth-child(2) pre")
    message = sandbox.messages()[1]
    shown = other.text("#history .message:nth-child(2)")
    assert message["fault"] == "tampered"
    for text in (message["fault"], message["verdict"], *message["request"]["headers"].values()):
        assert text in shown
    blocks = other.texts("#history .message:nth-child(2) pre")
    assert blocks[1] == message["request"]["signedText"]
    assert blocks[3] == message["answer"]["signedText"]


def test_messages_are_filtered_and_loaded_page_by_page(other: Page, sandbox: Sandbox) -> None:
    sandbox.register("M1", notify=True)
    for _ in range(35):
        sandbox.ask()
    again(other, "messages")
    other.wait_until("document.querySelectorAll('#history .message').length === 30")
    other.click("more-history")
    other.wait_until("document.querySelectorAll('#history .message').length === 36")
    assert not other.is_shown("more-history")
    assert other.texts("#history .badge")[-1] == "none"
    other.choose("history-api", "notifyRegistrationStatus")
    other.wait_until("document.querySelectorAll('#history .message').length === 1")


def test_what_others_wrote_is_shown_as_text(other: Page, sandbox: Sandbox) -> None:
    hostile = {**entry(HOSTILE, HOSTILE, HOSTILE), "productCodes": [HOSTILE]}
    sandbox.register(HOSTILE[:60], registrationRequestId=HOSTILE[:50], pspRegistrationResultList=[hostile])
    sandbox.send(sandbox.request(HOSTILE[:64], more_headers=[("X-Note", HOSTILE)]))
    again(other, "registrations")
    other.wait_for_text("registrations", HOSTILE)
    other.click(".registration .button")
    other.wait_for("registration-dialog")
    assert other.value(".psp-reason") == HOSTILE
    again(other, "messages")
    other.click("#history .message summary")
    other.wait_for_text("history", HOSTILE)
    assert other.run(
        "return [window.hacked ?? null, document.querySelectorAll('main img, main script').length];"
    ) == [None, 0]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_long_texts_do_not_hang_over_the_edge(other: Page, sandbox: Sandbox, size: tuple[int, int, bool]) -> None:
    long = "W" * 200
    sandbox.register(
        "M" * 64, registrationRequestId="R" * 64, pspRegistrationResultList=[entry(long, long, long * 9)]
    )
    sandbox.ask("M" * 64)
    sandbox.set_fault("tampered", merchant="M" * 64)
    other.resize(size)
    for part in ("registrations", "faults", "messages"):
        again(other, part)
        other.wait_for_text(f"part-{part}", "MMMM" if part != "messages" else "inquiryRegistrationStatus")
        assert other.sideways_pixels() == 0
    other.click("#history .message summary")
    other.wait_for("#history pre")
    assert other.sideways_pixels() == 0
    again(other, "registrations")
    other.click(".registration .button")
    other.wait_for("registration-dialog")
    assert other.sideways_pixels() == 0
    assert (
        other.run(
            "const box = document.getElementById('registration-dialog'); return box.scrollWidth - box.clientWidth;"
        )
        == 0
    )
