"""Clients, MPPs, merchants, stores, contracts, registrations and orders as they are entered, found and changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from acqp_gateway.errors import AlreadyOnRecord, IllegalState, IllegalValue, NotOnRecord
from acqp_gateway.store import clients, merchants, mpps, orders, registrations
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes
from acqp_gateway.store.merchants import NewContract, NewMerchant, NewStore
from tests.merchants import open_shop
from tests.store.helpers import AT, attempt, decode_once, run_sql

DAY = timedelta(days=1)


def new_merchant(merchant_id: str = "M", **members: Any) -> NewMerchant:
    return NewMerchant(
        **{"merchant_id": merchant_id, "name": "Corner Coffee", "mcc": "5814", "region": "JP", **members}
    )


def new_contract(merchant_id: str = "M", **members: Any) -> NewContract:
    usual = {"merchant_id": merchant_id, "currency": "JPY", "largest_amount": 1000, "in_force_from": AT}
    return NewContract(**{**usual, **members})


@pytest.fixture
def with_merchant(store: Store) -> Store:
    merchants.add(store, new_merchant(), at=AT)
    return store


class TestClients:
    def test_a_client_is_entered_and_switched(self, store: Store) -> None:
        clients.add(store, "5Y2", note="second", at=AT)
        clients.add(store, "5Y1", note=None, at=AT)
        clients.switch(store, "5Y2", enabled=False, at=AT + DAY)
        assert [tuple(row) for row in clients.listed(store)] == [
            ("5Y1", None, True, AT),
            ("5Y2", "second", False, AT + DAY),
        ]
        clients.switch(store, "5Y2", enabled=True, at=AT)
        assert [row.enabled for row in clients.listed(store)] == [True, True]

    def test_a_client_is_entered_once(self, store: Store) -> None:
        clients.add(store, "5Y", note="first", at=AT)
        with pytest.raises(AlreadyOnRecord, match="client 5Y is on record already"):
            clients.add(store, "5Y", note="second", at=AT)
        assert [row.note for row in clients.listed(store)] == ["first"]

    def test_what_is_refused(self, store: Store) -> None:
        for client_id in ("", "../x", "a b", "a" * 65):
            with pytest.raises(IllegalValue, match=r"^client id must"):
                clients.add(store, client_id, note=None, at=AT)
        with pytest.raises(IllegalValue, match=r"^note must"):
            clients.add(store, "5Y", note="n" * 257, at=AT)
        with pytest.raises(NotOnRecord, match="no client nobody on record"):
            clients.switch(store, "nobody", enabled=False, at=AT)
        assert clients.listed(store) == []


class TestMpps:
    def test_seeding_leaves_alone_what_somebody_changed(self, store: Store) -> None:
        mpps.require_registration(store, "GCASH", required=False)
        mpps.add(store, "NEWPAY", "999", registration_required=False)
        assert mpps.seed(store, {"GCASH": "other", "OTHERNAME": "999", "BRANDNEW": "1000"}) == 1
        known = {row.psp_name: (row.psp_id, row.registration_required) for row in mpps.listed(store)}
        assert known["GCASH"] == ("1022170000000000000", False)
        assert known["BRANDNEW"] == ("1000", True)
        assert "OTHERNAME" not in known
        assert list(known) == sorted(known)
        assert mpps.seed(store, {}) == 0

    @pytest.mark.parametrize(("name", "psp_id"), [("GCASH", "1"), ("NEW", "1022170000000000000")])
    def test_name_and_id_are_unique(self, name: str, psp_id: str, store: Store) -> None:
        with pytest.raises(AlreadyOnRecord, match="is on record already"):
            mpps.add(store, name, psp_id, registration_required=True)

    def test_what_is_refused(self, store: Store) -> None:
        with pytest.raises(IllegalValue, match=r"^MPP name must"):
            mpps.add(store, "a b", "1", registration_required=True)
        with pytest.raises(IllegalValue, match=r"^pspId must"):
            mpps.add(store, "A", "", registration_required=True)
        with pytest.raises(NotOnRecord, match="no MPP NOBODY on record"):
            mpps.require_registration(store, "NOBODY", required=True)


class TestMerchants:
    def test_a_merchant_is_kept_as_it_came(self, store: Store) -> None:
        everything = {
            "display_name": "Corner ☕",
            "state": "13",
            "city": "Tokyo",
            "address1": "1-2-3",
            "address2": "2F",
            "zip_code": "150-0041",
            "kyb_level": "BASIC",
            "sells": "IN_STORE",
        }
        merchants.add(store, new_merchant("M1", **everything), at=AT)
        merchants.add(store, new_merchant("M0"), at=AT)
        kept = merchants.get(store, "M1")
        assert (
            kept._mapping.items()
            >= {"merchant_id": "M1", "name": "Corner Coffee", "mcc": "5814", **everything}.items()
        )
        assert (kept.status, kept.status_since, kept.added_at, kept.status_reason) == ("ACTIVE", AT, AT, None)
        usual = merchants.get(store, "M0")
        assert (usual.kyb_level, usual.sells, usual.display_name) == ("FULL", "BOTH", None)
        assert [row.merchant_id for row in merchants.listed(store)] == ["M0", "M1"]
        assert [row.merchant_id for row in merchants.listed(store, limit=1)] == ["M0"]
        assert merchants.known_ids(store, ["M1", "M2", "M1"]) == {"M1"}

    @pytest.mark.parametrize(
        ("members", "said"),
        [
            ({"merchant_id": "a b"}, "merchant id must be letters"),
            ({"merchant_id": "a" * 65}, "merchant id must not be longer than 64"),
            ({"name": ""}, "name must not be empty"),
            ({"name": "n" * 257}, "name must not be longer than 256"),
            ({"display_name": ""}, "display name must not be empty"),
            ({"mcc": "58"}, "mcc must be a merchant category code"),
            ({"region": "Japan"}, "region must be a region code"),
            ({"state": "s" * 9}, "state must not be longer than 8"),
            ({"city": "c" * 33}, "city must not be longer than 32"),
            ({"address1": "a" * 257}, "address1 must not be longer than 256"),
            ({"address2": "\0"}, "address2 must not contain NUL"),
            ({"zip_code": "z" * 33}, "zip code must not be longer than 32"),
            ({"kyb_level": "HIGH"}, "KYB level must be one of FAILED, BASIC, FULL"),
            ({"sells": "both"}, "sells must be one of IN_STORE, ONLINE, BOTH"),
        ],
    )
    def test_a_value_against_its_rule_is_named(self, members: dict[str, Any], said: str) -> None:
        with pytest.raises(IllegalValue) as refused:
            new_merchant(**members)
        assert str(refused.value).startswith(said)

    def test_all_are_entered_or_none(self, with_merchant: Store) -> None:
        with pytest.raises(AlreadyOnRecord, match="merchant M is on record already"):
            merchants.add_all(with_merchant, [new_merchant("N"), new_merchant("M")], at=AT)
        with pytest.raises(AlreadyOnRecord, match="twice"):
            merchants.add_all(with_merchant, [new_merchant("N"), new_merchant("N")], at=AT)
        assert [row.merchant_id for row in merchants.listed(with_merchant)] == ["M"]
        merchants.add_all(with_merchant, [], at=AT)

    def test_members_are_changed(self, with_merchant: Store) -> None:
        merchants.change(with_merchant, "M", {"name": "Other", "kyb_level": "FAILED", "city": "Osaka"})
        kept = merchants.get(with_merchant, "M")
        assert (kept.name, kept.kyb_level, kept.city, kept.mcc) == ("Other", "FAILED", "Osaka", "5814")
        with pytest.raises(IllegalValue, match=r"^mcc must"):
            merchants.change(with_merchant, "M", {"name": "Third", "mcc": "x"})
        with pytest.raises(NotOnRecord):
            merchants.change(with_merchant, "N", {"name": "Other"})
        assert merchants.get(with_merchant, "M").name == "Other"

    def test_who_has_stores_cannot_sell_online_alone(self, with_merchant: Store) -> None:
        merchants.add_store(with_merchant, NewStore(merchant_id="M", store_id="S", name="s"), at=AT)
        with pytest.raises(IllegalState, match="has stores and cannot sell ONLINE alone"):
            merchants.change(with_merchant, "M", {"sells": "ONLINE"})
        merchants.change(with_merchant, "M", {"sells": "IN_STORE"})

    def test_status_goes_to_and_fro_until_closed(self, with_merchant: Store) -> None:
        merchants.add_store(with_merchant, NewStore(merchant_id="M", store_id="S", name="s"), at=AT)

        def of_merchant(status: str, reason: str | None) -> bool:
            return merchants.set_status(with_merchant, "M", status, reason=reason, at=AT + DAY)

        def of_store(status: str, reason: str | None) -> bool:
            return merchants.set_store_status(with_merchant, "M", "S", status, reason=reason, at=AT + DAY)

        changes: list[tuple[Callable[[str, str | None], bool], Callable[[], Any]]] = [
            (of_merchant, lambda: merchants.get(with_merchant, "M")),
            (of_store, lambda: merchants.listed_stores(with_merchant, "M")[0]),
        ]
        for change, kept in changes:
            assert change("SUSPENDED", "fraud check") is True
            assert (kept().status, kept().status_reason, kept().status_since) == (
                "SUSPENDED",
                "fraud check",
                AT + DAY,
            )
            assert change("SUSPENDED", "again") is False
            assert kept().status_reason == "fraud check"
            assert change("ACTIVE", None) is True
            assert kept().status_reason is None
            assert change("CLOSED", "gone") is True
            for status in ("ACTIVE", "SUSPENDED"):
                with pytest.raises(IllegalState, match="is closed for good"):
                    change(status, None)
            assert change("CLOSED", None) is False
            assert kept().status == "CLOSED"
            with pytest.raises(IllegalValue, match=r"^reason must"):
                change("ACTIVE", "r" * 257)

    def test_who_is_not_on_record(self, with_merchant: Store) -> None:
        for attempted in (
            lambda: merchants.get(with_merchant, "N"),
            lambda: merchants.set_status(with_merchant, "N", "ACTIVE", reason=None, at=AT),
            lambda: merchants.set_store_status(with_merchant, "M", "S", "ACTIVE", reason=None, at=AT),
            lambda: merchants.listed_stores(with_merchant, "N"),
            lambda: merchants.listed_contracts(with_merchant, "N"),
            lambda: merchants.add_store(with_merchant, NewStore(merchant_id="N", store_id="S", name="s"), at=AT),
            lambda: merchants.add_contract(with_merchant, new_contract("N")),
            lambda: merchants.end_contract(with_merchant, 999, at=AT),
            lambda: registrations.standing(with_merchant, "N", None),
            lambda: registrations.standing(with_merchant, "M", "S"),
            lambda: orders.listed(with_merchant, merchant_id="N"),
            lambda: orders.get(with_merchant, "P"),
            lambda: orders.listed_decodes(with_merchant, payment_request_id="P"),
        ):
            with pytest.raises(NotOnRecord):
                attempted()


class TestStores:
    def test_a_store_is_kept_as_it_came(self, with_merchant: Store) -> None:
        everything = {"display_name": "d", "mcc": "5812", "region": "JP", "state": "13", "city": "c"} | {
            "address1": "a1",
            "address2": "a2",
            "zip_code": "z",
            "phone_no": "p",
        }
        merchants.add_store(with_merchant, NewStore(merchant_id="M", store_id="S2", name="n", **everything), at=AT)
        merchants.add_store(with_merchant, NewStore(merchant_id="M", store_id="S1", name="n"), at=AT)
        first, second = merchants.listed_stores(with_merchant)
        assert (first.store_id, first.mcc, first.status) == ("S1", None, "ACTIVE")
        assert second._mapping.items() >= {"merchant_id": "M", "store_id": "S2", "name": "n", **everything}.items()

    def test_its_id_is_unique_for_its_merchant(self, with_merchant: Store) -> None:
        merchants.add(with_merchant, new_merchant("N"), at=AT)
        for merchant_id in ("M", "N"):
            merchants.add_store(with_merchant, NewStore(merchant_id=merchant_id, store_id="S", name="n"), at=AT)
        with pytest.raises(AlreadyOnRecord, match="merchant M has a store S on record already"):
            merchants.add_store(with_merchant, NewStore(merchant_id="M", store_id="S", name="n"), at=AT)
        assert len(merchants.listed_stores(with_merchant, "M")) == 1

    def test_who_sells_online_alone_has_none(self, store: Store) -> None:
        merchants.add(store, new_merchant(sells="ONLINE"), at=AT)
        with pytest.raises(IllegalState, match="sells online alone"):
            merchants.add_store(store, NewStore(merchant_id="M", store_id="S", name="n"), at=AT)

    @pytest.mark.parametrize(
        "members", [{"store_id": "s" * 33}, {"store_id": "a b"}, {"name": ""}, {"mcc": "1"}, {"phone_no": "1" * 33}]
    )
    def test_a_value_against_its_rule_is_refused(self, members: dict[str, Any]) -> None:
        with pytest.raises(IllegalValue):
            NewStore(**{"merchant_id": "M", "store_id": "S", "name": "n", **members})


class TestContracts:
    def test_a_contract_is_kept_as_it_came(self, with_merchant: Store) -> None:
        zone = timezone(timedelta(hours=9))
        number = merchants.add_contract(
            with_merchant,
            new_contract(
                settlement_currency="USD",
                product="CASHIER_PAYMENT",
                required_kyb_level="FULL",
                in_force_from=AT.astimezone(zone),
                in_force_to=(AT + DAY).astimezone(zone),
            ),
        )
        (kept,) = merchants.listed_contracts(with_merchant, "M")
        assert tuple(kept) == (number, "M", "CASHIER_PAYMENT", "JPY", 1000, "USD", "FULL", AT, AT + DAY)

    def test_it_is_settled_in_its_own_currency_unless_said_otherwise(self, with_merchant: Store) -> None:
        merchants.add_contract(with_merchant, new_contract())
        (kept,) = merchants.listed_contracts(with_merchant)
        assert (kept.settlement_currency, kept.product) == ("JPY", "IN_STORE_ORDER_CODE")
        assert (kept.required_kyb_level, kept.in_force_to) == ("BASIC", None)

    @pytest.mark.parametrize(
        ("members", "said"),
        [
            ({"currency": "yen"}, "currency must be"),
            ({"settlement_currency": "usd"}, "settlement currency must be"),
            ({"largest_amount": 0}, "largest amount must be"),
            ({"largest_amount": 1050, "currency": "IDR"}, "largest amount in IDR must end in 00"),
            ({"product": "ORDER_CODE"}, "product must be one of IN_STORE_ORDER_CODE"),
            ({"required_kyb_level": "FAILED"}, "required KYB level must be one of BASIC, FULL"),
            ({"in_force_to": AT}, "the contract must end after it begins"),
            ({"in_force_to": AT - DAY}, "the contract must end after it begins"),
        ],
    )
    def test_a_value_against_its_rule_is_named(self, members: dict[str, Any], said: str) -> None:
        with pytest.raises(IllegalValue) as refused:
            new_contract(**members)
        assert str(refused.value).startswith(said)

    @pytest.mark.parametrize(
        ("first", "second", "overlap"),
        [
            ((0, None), (0, None), True),
            ((0, None), (5, None), True),
            ((5, None), (0, None), True),
            ((5, None), (0, 5), False),
            ((5, None), (0, 6), True),
            ((0, 5), (5, None), False),
            ((0, 5), (4, None), True),
            ((0, 5), (5, 6), False),
            ((0, 5), (4, 6), True),
            ((4, 6), (0, 5), True),
            ((4, 6), (0, 4), False),
            ((4, 6), (0, 9), True),
            ((0, 9), (4, 6), True),
        ],
    )
    def test_two_of_one_kind_are_never_in_force_at_once(
        self, first: tuple[int, int | None], second: tuple[int, int | None], overlap: bool, shared_store: Store
    ) -> None:
        merchant_id = open_shop(shared_store, contract={}).merchant_id

        def between(begins: int, ends: int | None, **members: Any) -> NewContract:
            until = None if ends is None else AT + ends * DAY
            return new_contract(merchant_id, in_force_from=AT + begins * DAY, in_force_to=until, **members)

        number = merchants.add_contract(shared_store, between(*first))
        if overlap:
            with pytest.raises(IllegalState, match=f"contract {number} of merchant .* is in force .* at that time"):
                merchants.add_contract(shared_store, between(*second))
        else:
            merchants.add_contract(shared_store, between(*second))
        merchants.add_contract(shared_store, between(*first, currency="USD"))
        merchants.add_contract(shared_store, between(*first, product="CASHIER_PAYMENT"))

    def test_a_contract_is_ended(self, with_merchant: Store) -> None:
        number = merchants.add_contract(with_merchant, new_contract())
        merchants.end_contract(with_merchant, number, at=AT + 5 * DAY)
        merchants.end_contract(with_merchant, number, at=AT + 4 * DAY)
        with pytest.raises(IllegalState, match=f"contract {number} has ended already"):
            merchants.end_contract(with_merchant, number, at=AT + 4 * DAY)
        merchants.add_contract(with_merchant, new_contract(in_force_from=AT + 4 * DAY))

    def test_one_that_has_not_begun_ends_as_it_begins(self, with_merchant: Store) -> None:
        number = merchants.add_contract(with_merchant, new_contract(in_force_from=AT + 5 * DAY))
        merchants.end_contract(with_merchant, number, at=AT)
        (kept,) = merchants.listed_contracts(with_merchant)
        assert (kept.in_force_from, kept.in_force_to) == (AT + 5 * DAY, AT + 5 * DAY)


class TestRegistrations:
    def set_standing(self, store: Store, store_id: str | None, status: str = "APPROVED", **members: Any) -> None:
        usual: dict[str, Any] = {"rejection_reason": None, "at": AT}
        products = members.pop("products", ["IN_STORE_PAYMENT"])
        registrations.set_by_hand(store, "M", store_id, "GCASH", products, status=status, **{**usual, **members})

    def test_a_standing_is_of_the_merchant_or_of_one_store(self, with_merchant: Store) -> None:
        for store_id in ("S1", "S2"):
            merchants.add_store(with_merchant, NewStore(merchant_id="M", store_id=store_id, name="s"), at=AT)
        self.set_standing(with_merchant, None)
        self.set_standing(with_merchant, "S1", "REJECTED", rejection_reason="no licence", products=["B", "A", "A"])
        (own,) = registrations.standing(with_merchant, "M", None)
        assert (own.psp_name, own.product_code, own.status, own.store_id) == (
            "GCASH",
            "IN_STORE_PAYMENT",
            "APPROVED",
            None,
        )
        assert [
            (row.product_code, row.status, row.rejection_reason, row.since)
            for row in registrations.standing(with_merchant, "M", "S1")
        ] == [("A", "REJECTED", "no licence", AT), ("B", "REJECTED", "no licence", AT)]
        assert registrations.standing(with_merchant, "M", "S2") == []

    def test_the_later_one_takes_the_place_of_the_earlier(self, with_merchant: Store) -> None:
        self.set_standing(with_merchant, None, products=["A", "B"])
        self.set_standing(with_merchant, None, "PENDING", products=["B"], at=AT + DAY)
        assert [
            (row.product_code, row.status, row.since) for row in registrations.standing(with_merchant, "M", None)
        ] == [("A", "APPROVED", AT), ("B", "PENDING", AT + DAY)]

    def test_what_is_refused_changes_nothing(self, with_merchant: Store) -> None:
        self.set_standing(with_merchant, None)
        bad: list[dict[str, Any]] = [
            {"status": "a b"},
            {"status": "REJECTED", "rejection_reason": ""},
            {"status": "REJECTED", "products": ["IN_STORE_PAYMENT", "a b"]},
        ]
        for members in bad:
            with pytest.raises(IllegalValue):
                self.set_standing(with_merchant, None, **members)
        with pytest.raises(NotOnRecord):
            self.set_standing(with_merchant, "S")
        (kept,) = registrations.standing(with_merchant, "M", None)
        assert kept.status == "APPROVED"


class TestOrders:
    def test_orders_are_listed_the_newest_first(self, store: Store) -> None:
        shop, other = open_shop(store), open_shop(store)
        first, second = shop.place(reference_order_id="A"), shop.place(reference_order_id="B")
        third = other.place(reference_order_id="A")
        run_sql(
            store, "UPDATE orders SET state = 'CLOSED' WHERE payment_request_id = :id", id=first.payment_request_id
        )

        def ids(**chosen: Any) -> list[str]:
            return [row.payment_request_id for row in orders.listed(store, **chosen)]

        newest_first = [order.payment_request_id for order in (third, second, first)]
        assert ids() == newest_first
        assert ids(limit=2) == newest_first[:2]
        assert ids(merchant_id=shop.merchant_id) == newest_first[1:]
        assert ids(reference_order_id="A") == [newest_first[0], newest_first[2]]
        assert ids(state="CLOSED") == newest_first[2:]
        assert ids(code_value=second.code_value) == [newest_first[1]]
        assert ids(merchant_id=shop.merchant_id, state="OPEN") == [newest_first[1]]

    def test_a_state_at_a_time(self, store: Store) -> None:
        order = open_shop(store).place()
        moment = timedelta(microseconds=1)
        for at, state in ((order.expires_at - moment, "OPEN"), (order.expires_at, "EXPIRED")):
            for asked in ("OPEN", "EXPIRED", "PAID"):
                assert bool(orders.listed(store, state=asked, at=at)) == (asked == state)

    def test_which_codes_are_taken(self, store: Store) -> None:
        order = open_shop(store).place()
        assert orders.taken_codes(store, [order.code_value, "other"]) == {order.code_value}
        assert orders.taken_codes(store, []) == set()

    def test_decodes_are_listed_the_newest_first(self, store: Store) -> None:
        order = open_shop(store).place()
        decodes = Decodes(store, pool_size=1)
        decode_once(decodes, order.code_value)
        with decodes.transaction() as transaction:
            assert transaction.look_up("unknown", None) is None
            transaction.record(attempt("unknown", payment_request_id=None, result_code="INVALID_CODE"))
        decode_once(decodes, order.code_value)
        decodes.close()
        assert [row.code_value for row in orders.listed_decodes(store)] == [
            order.code_value,
            "unknown",
            order.code_value,
        ]
        of_order = orders.listed_decodes(store, payment_request_id=order.payment_request_id)
        assert [row.decode_id for row in of_order] == [
            row.decode_id for row in orders.listed_decodes(store, code_value=order.code_value)
        ]
        assert len(of_order) == 2
        assert len(orders.listed_decodes(store, limit=1)) == 1


def test_times_are_utc_whatever_zone_they_came_in(store: Store) -> None:
    clients.add(store, "5Y", note=None, at=datetime(2026, 11, 20, 10, 0, 0, 5, timezone(timedelta(hours=9))))
    (kept,) = clients.listed(store)
    assert kept.changed_at == datetime(2026, 11, 20, 1, 0, 0, 5, UTC)
    assert kept.changed_at.utcoffset() == timedelta(0)
