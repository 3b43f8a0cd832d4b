"""SUCCESS and all 21 refusals of userInitiatedPay over HTTP, each by a real cause, on both stores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from acqp_gateway.orders import states
from acqp_gateway.protocol import results
from acqp_gateway.store import merchants, orders
from acqp_gateway.store.tables import orders as orders_table
from tests.conftest import STORES, FreshStores
from tests.gateway_process import running_gateway
from tests.http.conftest import Service, ready_store
from tests.merchants import Shop, open_shop
from tests.peer import CLIENT_ID, Keys, assert_authentic, decode_request, exchange

GCASH = "1022170000000000000"


def now() -> datetime:
    return datetime.now(UTC)


def _paid(shop: Shop) -> str:
    order = shop.place()
    states.mark_paid(shop.store, order.payment_request_id, reason=None, at=now())
    return str(order.code_value)


def _closed(shop: Shop) -> str:
    order = shop.place()
    states.close(shop.store, order.payment_request_id, reason=None, at=now())
    return str(order.code_value)


def _cancelled(shop: Shop) -> str:
    order = shop.place()
    orders.move(shop.store, order.payment_request_id, "CANCELLED", from_states=["OPEN"], reason=None, at=now())
    return str(order.code_value)


def _expired(shop: Shop) -> str:
    order = shop.place()
    earlier = now() - timedelta(hours=1)
    _rewrite(shop, order, placed_at=earlier, expires_at=earlier + timedelta(minutes=10))
    return str(order.code_value)


def _rewrite(shop: Shop, order: Any, **members: Any) -> None:
    """What somebody with access to the database did."""
    with shop.store.writing() as connection:
        connection.execute(
            update(orders_table)
            .where(orders_table.c.payment_request_id == order.payment_request_id)
            .values(**members)
        )


def _suspended(shop: Shop) -> str:
    order = shop.place()
    merchants.set_status(shop.store, shop.merchant_id, "SUSPENDED", reason="fraud check", at=now())
    return str(order.code_value)


def _store_closed(shop: Shop) -> str:
    order = shop.place()
    merchants.set_store_status(shop.store, shop.merchant_id, shop.store_id, "CLOSED", reason=None, at=now())
    return str(order.code_value)


def _kyb_failed(shop: Shop) -> str:
    order = shop.place()
    merchants.change(shop.store, shop.merchant_id, {"kyb_level": "FAILED"})
    return str(order.code_value)


def _contract_ended(shop: Shop) -> str:
    order = shop.place()
    for contract in merchants.listed_contracts(shop.store, shop.merchant_id):
        merchants.end_contract(shop.store, contract.contract_id, at=now())
    return str(order.code_value)


def _goods_changed(shop: Shop) -> str:
    order = shop.place(goods=[{"goodsName": "latte", "goodsUnitAmount": 750, "goodsQuantity": 2}])
    _rewrite(shop, order, goods='[{"goodsName":"latte","goodsUnitAmount":750,"goodsQuantity":3}]')
    return str(order.code_value)


def _amount_changed_after_pin(shop: Shop, service: Service) -> str:
    order = shop.place()
    assert service.decode(order.code_value).code == "SUCCESS"
    _rewrite(shop, order, amount=1)
    return str(order.code_value)


CAUSES: dict[str, tuple[str, dict[str, Any], Callable[[Shop], str]]] = {
    "paid": ("ORDER_IS_CLOSED", {}, _paid),
    "closed": ("ORDER_IS_CLOSED", {}, _closed),
    "cancelled": ("ORDER_IS_CLOSED", {}, _cancelled),
    "expired": ("EXPIRED_CODE", {}, _expired),
    "unknown code": ("INVALID_CODE", {}, lambda _: "https://pay.acqp.example/281006040001UNKNOWN"),
    "merchant suspended": ("INVALID_MERCHANT_STATUS", {}, _suspended),
    "store closed": ("INVALID_MERCHANT_STATUS", {}, _store_closed),
    "kyb failed": ("MERCHANT_KYB_NOT_QUALIFIED", {}, _kyb_failed),
    "kyb below contract": (
        "MERCHANT_KYB_NOT_QUALIFIED",
        {"merchant": {"kyb_level": "BASIC"}, "contract": {"required_kyb_level": "FULL"}},
        lambda shop: str(shop.place().code_value),
    ),
    "no contract": ("INVALID_CONTRACT", {"contract": {}}, lambda shop: str(shop.place().code_value)),
    "contract ended": ("INVALID_CONTRACT", {}, _contract_ended),
    "contract for other product": (
        "BUSINESS_NOT_SUPPORT",
        {"contract": {"product": "CASHIER_PAYMENT"}},
        lambda shop: str(shop.place().code_value),
    ),
    "not registered": ("MERCHANT_NOT_REGISTERED", {"approved_at": None}, lambda shop: str(shop.place().code_value)),
    "registered elsewhere": (
        "MERCHANT_NOT_REGISTERED",
        {"approved_at": "GCASH"},
        lambda shop: str(shop.place().code_value),
    ),
    "store's standing is not the merchant's": (
        "MERCHANT_NOT_REGISTERED",
        {},
        lambda shop: str(shop.place(store_id=None).code_value),
    ),
    "other currency": (
        "CURRENCY_NOT_SUPPORT",
        {},
        lambda shop: str(shop.place(currency="USD").code_value),
    ),
    "above the limit": (
        "PAYMENT_AMOUNT_INVALID",
        {"contract": {"largest_amount": 1499}},
        lambda shop: str(shop.place().code_value),
    ),
    "goods do not add up": ("PROCESS_FAIL", {}, _goods_changed),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_refused_by_what_is_on_record(service: Service, cause: str) -> None:
    code, shop_changes, prepare = CAUSES[cause]
    code_value = prepare(service.shop(**shop_changes))
    reply = service.decode(code_value)
    assert reply.code == code
    assert set(reply.members) == {"result"}
    recorded = orders.listed_decodes(service.store, code_value=code_value)
    assert recorded[0].result_code == code
    assert recorded[0].psp_id == "1022088000000000001"


def test_order_that_differs_from_its_pin(service: Service) -> None:
    code_value = _amount_changed_after_pin(service.shop(), service)
    assert service.decode(code_value).code == "PROCESS_FAIL"


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "client unknown": ("INVALID_CLIENT", {"client_id": "5YNOBODY00000000"}),
    "client missing": ("INVALID_CLIENT", {"client_id": None}),
    "signature wrong": ("INVALID_SIGNATURE", {"signed_target": "/elsewhere"}),
    "key version unknown": ("KEY_NOT_FOUND", {"key_version": "7"}),
    "not JSON": ("MEDIA_TYPE_NOT_ACCEPTABLE", {"more_headers": [("Content-Type", "text/xml")]}),
    "JSON not accepted": ("MEDIA_TYPE_NOT_ACCEPTABLE", {"more_headers": [("Accept", "text/html")]}),
    "GET": ("METHOD_NOT_SUPPORTED", {"method": "GET"}),
    "no such API": ("NO_INTERFACE_DEF", {"target": "/aps/api/v1/payments/refund"}),
    "member against its rule": ("PARAM_ILLEGAL", {"body": b'{"codeValue":""}'}),
    "another acquirer": ("ACCESS_DENIED", {"members": {"acquirerId": "2021228199999999"}}),
    "ten minutes old": ("ACCESS_DENIED", {"request_time": (now() - timedelta(minutes=10)).isoformat()}),
    "ten minutes early": ("ACCESS_DENIED", {"request_time": (now() + timedelta(minutes=10)).isoformat()}),
}


@pytest.mark.parametrize("cause", REQUESTS)
def test_refused_by_what_was_sent(service: Service, cause: str) -> None:
    code, changes = REQUESTS[cause]
    code_value = service.shop().place().code_value
    request = service.request(code_value, **changes)
    reply = service.send(request)
    assert_authentic(reply, service.keys, target=request.target, method=request.method)
    assert reply.code == code
    assert orders.listed_decodes(service.store, code_value=code_value) == []


def test_answer_to_an_unknown_mpp_needs_some_approval(service: Service) -> None:
    shop = service.shop()
    assert service.decode(shop.place().code_value, members={"pspId": "9999"}).code == "SUCCESS"
    assert service.decode(shop.place().code_value, members={"pspId": None}).code == "SUCCESS"
    assert service.decode(shop.place().code_value, members={"pspId": GCASH}).code == "MERCHANT_NOT_REGISTERED"


@pytest.mark.parametrize("kind", STORES)
def test_too_many_requests_and_a_store_that_is_gone(kind: str, fresh_stores: FreshStores, keys: Keys) -> None:
    url = fresh_stores.url(kind)
    store = ready_store(url)
    code_value = open_shop(store).place().code_value
    limits = {"ACQP_RATE_LIMIT": "2/hour", "ACQP_WORKERS": "1"}
    with running_gateway(url, keys, **limits) as gateway:
        request = decode_request(keys, code_value)
        found = [exchange(gateway.address, request.raw()) for _ in range(3)]
        assert [reply.code for reply in found] == ["SUCCESS", "SUCCESS", "REQUEST_TRAFFIC_EXCEED_LIMIT"]
        assert found[2].members["result"]["resultStatus"] == "U"
        assert_authentic(found[2], keys)
    with running_gateway(url, keys) as gateway:
        assert exchange(gateway.address, request.raw()).code == "SUCCESS"
        with store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE orders RENAME TO orders_gone")
        reply = exchange(gateway.address, request.raw())
        assert reply.code == "UNKNOWN_EXCEPTION"
        assert_authentic(reply, keys)
    store.close()


def test_every_result_code_of_the_document_is_reached_above() -> None:
    reached = {code for code, *_ in CAUSES.values()} | {code for code, _ in REQUESTS.values()}
    reached |= {"SUCCESS", "REQUEST_TRAFFIC_EXCEED_LIMIT", "UNKNOWN_EXCEPTION"}
    assert reached == {result.code for result in results.USER_INITIATED_PAY}


def test_success_as_documented(service: Service) -> None:
    shop = service.shop()
    order = shop.place(reference_order_id="A-1", expires_in_s=100)
    reply = service.decode(order.code_value)
    expiry = datetime.fromisoformat(reply.members["paymentExpiryTime"])
    assert abs(expiry - order.expires_at) < timedelta(seconds=1)
    assert reply.members == {
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"},
        "codeType": "ORDER_CODE",
        "paymentRequestId": order.payment_request_id,
        "paymentFactor": {
            "isInStorePayment": "true",
            "isCashierPayment": "true",
            "inStorePaymentScenario": "OrderCode",
        },
        "order": {
            "referenceOrderId": "A-1",
            "orderDescription": "2 lattes",
            "orderAmount": {"currency": "JPY", "value": "1500"},
            "merchant": {
                "referenceMerchantId": shop.merchant_id,
                "merchantName": "Corner Coffee",
                "merchantMCC": "5814",
                "merchantAddress": {"region": "JP"},
                "store": {"referenceStoreId": shop.store_id, "storeName": "Corner Coffee Shibuya"},
            },
            "env": {"storeTerminalId": "T1", "storeTerminalRequestTime": "2026-11-20T10:00:00+09:00"},
        },
        "paymentAmount": {"currency": "JPY", "value": "1500"},
        "paymentExpiryTime": reply.members["paymentExpiryTime"],
        "settlementStrategy": {"settlementCurrency": "USD"},
    }
    assert reply.names[:3] == ("client-id", "response-time", "signature") or "signature" in reply.names


def test_no_expiry_time_when_the_default_of_alipayplus_is_earlier(service: Service) -> None:
    reply = service.decode(service.shop().place(expires_in_s=600).code_value)
    assert "paymentExpiryTime" not in reply.members


def test_two_hundred_at_once_get_one_answer(service: Service) -> None:
    order = service.shop().place()
    request = service.request(order.code_value)
    raws = [request.raw() for _ in range(200)]
    replies: list[Any] = []
    start = threading.Barrier(20)

    def customers(share: list[bytes]) -> None:
        start.wait()
        replies.extend(exchange(service.process.address, raw) for raw in share)

    threads = [threading.Thread(target=customers, args=(raws[number::20],)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 200
    assert {reply.code for reply in replies} == {"SUCCESS"}
    assert len({reply.body for reply in replies}) == 1
    recorded = orders.listed_decodes(service.store, code_value=order.code_value, limit=500)
    assert len(recorded) == 200
    assert bytes(orders.get(service.store, order.payment_request_id).pinned_answer) == replies[0].body


def test_the_pin_outlives_a_change_of_the_merchants_name(service: Service) -> None:
    shop = service.shop()
    code_value = shop.place().code_value
    first = service.decode(code_value)
    merchants.change(service.store, shop.merchant_id, {"name": "Another Name"})
    assert service.decode(code_value, members={"customerId": "208812000000001"}).body == first.body


def test_answers_name_the_client_that_asked_even_when_refused(service: Service) -> None:
    reply = service.send(service.request("x", signature_header="nonsense"))
    assert reply.headers["client-id"] == CLIENT_ID
    assert reply.code == "INVALID_SIGNATURE"
