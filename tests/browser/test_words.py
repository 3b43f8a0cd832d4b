"""What a customer is told: every result code and every state of a scan has words of its own."""

from __future__ import annotations

from typing import Any

import pytest

from acqp_gateway.protocol import results
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.sandbox.scans import State
from tests.browser.chromium import Page

TOLD = tuple(dict.fromkeys((*results.USER_INITIATED_PAY, *results.PAYMENT_RESULTS, *results.PUSH_PAYMENT)))
#: Refusals that say something of HTTP alone, and never reach a customer of a sandbox that asks as it should.
OF_HTTP = (results.MEDIA_TYPE_NOT_ACCEPTABLE, results.METHOD_NOT_SUPPORTED, results.NO_INTERFACE_DEF)

REFUSED = results.PAYMENT_AMOUNT_INVALID


def test_every_refusal_has_words(opened: Page) -> None:
    script = "const { refusalOf } = await import('/pages/words.js'); return given[0].map(refusalOf);"
    codes = [code for code in TOLD if code not in (results.SUCCESS, *OF_HTTP)]
    told = dict(zip(codes, opened.run(script, [code.as_members() for code in codes]), strict=True))
    without = [code.code for code, words in told.items() if words["advice"] in ("", code.message)]
    assert without == []


def test_a_code_that_nobody_knows_is_told_by_its_own_message(opened: Page) -> None:
    script = "const { refusalOf } = await import('/pages/words.js'); return refusalOf(given[0]).advice;"
    assert (
        opened.run(script, {"resultCode": "NEW", "resultStatus": "F", "resultMessage": "<b>why</b>"}) == "<b>why</b>"
    )


def scan(state: State, **members: Any) -> dict[str, Any]:
    found = dict.fromkeys(
        ("order", "paymentAmount", "payableUntil", "result", "failure", "paymentResult", "pushResult")
    )
    return {"scanId": "1", "state": state.value, "stateText": "as it is", "finished": True, **found, **members}


@pytest.mark.parametrize(
    ("shown", "headline", "advice", "code"),
    [
        (scan(State.PAYING, finished=False), "Paying…", "working on it", ""),
        (scan(State.PUSHING, finished=False), "Almost done…", "is being told", ""),
        (scan(State.IN_PROCESS, finished=False), "Almost done…", "is being told", ""),
        (scan(State.PAID), "Paid", "knows that you have paid", ""),
        (
            scan(State.PAYMENT_FAILED, paymentResult=results.RISK_REJECT.as_members()),
            "Refused for your safety",
            "",
            "F RISK_REJECT",
        ),
        (
            scan(State.REFUNDED, pushResult=REFUSED.as_members()),
            "Your money is back",
            "has given it back",
            "F PAYMENT_AMOUNT_INVALID",
        ),
        (
            scan(State.UNSETTLED, pushResult=results.PAYMENT_IN_PROCESS.as_members()),
            "Nobody knows yet",
            "look into it",
            "U PAYMENT_IN_PROCESS",
        ),
        (
            scan(State.REFUSED, result=results.EXPIRED_CODE.as_members()),
            "This code is too old",
            "new one",
            "F EXPIRED_CODE",
        ),
        (scan(State.NO_ANSWER, failure="nobody is there."), "The gateway does not answer", "acqp-gateway serve", ""),
        (
            scan(State.NO_ANSWER, result=results.UNKNOWN_EXCEPTION.as_members()),
            "Something went wrong",
            "try again",
            "U UNKNOWN_EXCEPTION",
        ),
        (
            scan(State.NO_ANSWER, result=results.SUCCESS.as_members(), failure="it lacks order"),
            "The answer cannot be used",
            "it lacks order",
            "S SUCCESS",
        ),
        (scan(State.LEFT), "You have left", "Nothing was paid", ""),
        (scan(State.LAPSED), "The time to pay is over", "Nothing was paid", ""),
    ],
)
def test_every_end_is_told(opened: Page, shown: dict[str, Any], headline: str, advice: str, code: str) -> None:
    opened.run("const { showEnd } = await import('/pages/end-view.js'); showEnd(given[0]);", shown)
    assert opened.text("end-headline") == headline
    assert advice in opened.text("end-advice")
    assert opened.text("end-code") == code
    is_over = "return !document.getElementById('again-button').hidden;"
    assert opened.run(is_over) == shown["finished"]


def test_no_state_was_forgotten(opened: Page) -> None:
    script = (
        "const { showEnd } = await import('/pages/end-view.js');"
        "const headline = document.getElementById('end-headline');"
        "return given[0].map((shown) => { showEnd(shown); return headline.textContent; });"
    )
    states = [state for state in State if state is not State.DECODED]
    refusal: ResultCode = results.PROCESS_FAIL
    results_of_all = {name: refusal.as_members() for name in ("result", "paymentResult", "pushResult")}
    told = opened.run(script, [scan(state, **results_of_all) for state in states])
    assert [state.value for state, headline in zip(states, told, strict=True) if headline in ("", state.value)] == []
