"""The wallet's records in the sandbox's store: who is who, and by what they are found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from acqp_gateway.errors import AlreadyOnRecord, IllegalState, IllegalValue, NotOnRecord
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet.records import (
    ACTIVE,
    PaymentCode,
    Psp,
    Quote,
    Token,
    User,
    fingerprint,
    payment_code_of,
    psp_of,
    quote_of,
    token_of,
    user_of,
)

_MOST_OF_A_KIND = 100_000
#: Columns by which the lists may be filtered and records be deleted; nothing else gets into a query's text.
_FILTERS = ("psp_id", "customer_id", "token_hash", "code_hash", "from_currency", "to_currency")


class WalletDirectory:
    """MPPs, users, tokens, payment codes and quotes of one sandbox."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in this block is one change; nothing of it is kept if it raises."""
        with self._store.transaction():
            yield

    # -- MPPs

    def psp(self, psp_id: str | None) -> Psp | None:
        """An MPP of this wallet by its pspId."""
        with self._store.reading() as connection:
            return find_psp(connection, psp_id)

    def named(self, *, psp_name: str | None, psp_id: str | None) -> Psp:
        """An MPP of this wallet by its name or its id, which must agree. Raises NotOnRecord, IllegalValue."""
        if psp_name is None and psp_id is None:
            raise IllegalValue("name an MPP by pspName or pspId")
        with self._store.reading() as connection:
            row = connection.execute(
                "SELECT * FROM wallet_psps WHERE psp_name = ? OR psp_id = ?", (psp_name, psp_id)
            ).fetchone()
        if row is None:
            raise NotOnRecord(
                f"the wallet has no MPP {psp_name or psp_id}; run: acqp-gateway sandbox wallet psps list"
            )
        if psp_name not in (None, row["psp_name"]) or psp_id not in (None, row["psp_id"]):
            raise IllegalValue(f"pspName {row['psp_name']} and pspId {row['psp_id']} belong together")
        return psp_of(row)

    def psps(self) -> list[tuple[Psp, int]]:
        """All MPPs, each with the number of its users."""
        with self._store.reading() as connection:
            rows = connection.execute("SELECT * FROM wallet_psps ORDER BY rowid").fetchall()
            counts = dict(connection.execute("SELECT psp_id, count(*) FROM wallet_users GROUP BY psp_id").fetchall())
        return [(psp_of(row), int(counts.get(row["psp_id"], 0))) for row in rows]

    def put_psp(self, psp: Psp) -> Psp:
        """Enter or change an MPP.

        Raises IllegalValue for a name with another's id, IllegalState for another currency while it has users.
        """
        _check_pair(psp.psp_name, psp.psp_id)
        with self._store.transaction() as connection:
            known = find_psp(connection, psp.psp_id)
            if known is not None and known.psp_name != psp.psp_name:
                raise IllegalValue(f"pspName {known.psp_name} and pspId {known.psp_id} belong together")
            if known is not None and known.currency != psp.currency and _has_users(connection, psp.psp_id):
                raise IllegalState(f"{psp.psp_name} has users with {known.currency}; delete them first")
            try:
                _put(connection, "wallet_psps", ("psp_id",), psp.as_columns())
            except sqlite3.IntegrityError:
                raise IllegalValue(f"pspName {psp.psp_name} belongs to another pspId") from None
        return psp

    def delete_psp(self, psp_id: str) -> int:
        """Forget an MPP; how many there were. Raises IllegalState while anything of it is on record."""
        with self._store.transaction() as connection:
            try:
                connection.execute("DELETE FROM wallet_quotes WHERE psp_id = ?", (psp_id,))
                return connection.execute("DELETE FROM wallet_psps WHERE psp_id = ?", (psp_id,)).rowcount
            except sqlite3.IntegrityError:
                raise IllegalState("it has users or payments; delete them first") from None

    # -- users

    def user(self, psp_id: str, customer_id: str | None) -> User | None:
        """A user by its MPP and customerId."""
        with self._store.reading() as connection:
            return find_user(connection, psp_id, customer_id)

    def users(self, filters: Mapping[str, str]) -> list[User]:
        """The users that match, in the order in which they came."""
        with self._store.reading() as connection:
            rows = _listed(connection, "wallet_users", filters, order="wallet_users.id")
            return [user_of(row, _login_ids(connection, row["psp_id"], row["customer_id"])) for row in rows]

    def put_user(self, user: User) -> User:
        """Enter or change a user. Raises IllegalValue, NotOnRecord, AlreadyOnRecord for somebody else's login id."""
        with self._store.transaction() as connection:
            psp = _require_psp(connection, user.psp_id)
            if psp.currency != user.currency:
                raise IllegalValue(f"the currency of {psp.psp_name} is {psp.currency}, not {user.currency}")
            _put(connection, "wallet_users", ("psp_id", "customer_id"), user.as_columns())
            key = (user.psp_id, user.customer_id)
            connection.execute("DELETE FROM wallet_login_ids WHERE psp_id = ? AND customer_id = ?", key)
            for position, login_id in enumerate(user.login_ids):
                try:
                    connection.execute(
                        "INSERT INTO wallet_login_ids (psp_id, customer_id, login_id, position) VALUES (?, ?, ?, ?)",
                        (*key, login_id, position),
                    )
                except sqlite3.IntegrityError:
                    raise AlreadyOnRecord(f"login id {login_id} is another user's, or given twice") from None
        return user

    def default_customer(self, psp_id: str) -> str | None:
        """The first active user of an MPP."""
        with self._store.reading() as connection:
            row = connection.execute(
                "SELECT customer_id FROM wallet_users WHERE psp_id = ? AND status = ? ORDER BY id LIMIT 1",
                (psp_id, ACTIVE),
            ).fetchone()
        return str(row["customer_id"]) if row else None

    def customer_of_login_id(self, psp_id: str, login_id: str) -> User | None:
        """Whose login id this is."""
        with self._store.reading() as connection:
            row = connection.execute(
                "SELECT customer_id FROM wallet_login_ids WHERE psp_id = ? AND login_id = ?", (psp_id, login_id)
            ).fetchone()
            return find_user(connection, psp_id, row["customer_id"]) if row else None

    # -- tokens

    def token(self, access_token: str) -> Token | None:
        """A token by its text, looked up by its hash."""
        with self._store.reading() as connection:
            return find_token(connection, access_token)

    def tokens(self, filters: Mapping[str, str]) -> list[Token]:
        """The tokens that match."""
        with self._store.reading() as connection:
            return [token_of(row) for row in _listed(connection, "wallet_tokens", filters)]

    def put_token(self, token: Token) -> Token:
        """Enter or change a token. Raises NotOnRecord without its user, AlreadyOnRecord for another user's."""
        with self._store.transaction() as connection:
            _require_user(connection, token.psp_id, token.customer_id)
            _require_same_owner(find_token(connection, token.access_token), token)
            _put(connection, "wallet_tokens", ("token_hash",), token.as_columns())
        return token

    # -- payment codes

    def payment_code(self, payment_code: str) -> PaymentCode | None:
        """A payment code by its text, looked up by its hash."""
        with self._store.reading() as connection:
            return find_payment_code(connection, payment_code)

    def payment_codes(self, filters: Mapping[str, str]) -> list[PaymentCode]:
        """The payment codes that match."""
        with self._store.reading() as connection:
            return [payment_code_of(row) for row in _listed(connection, "wallet_payment_codes", filters)]

    def put_payment_code(self, code: PaymentCode) -> PaymentCode:
        """Enter or change a payment code. Raises NotOnRecord without its user, AlreadyOnRecord for another user's."""
        with self._store.transaction() as connection:
            _require_user(connection, code.psp_id, code.customer_id)
            _require_same_owner(find_payment_code(connection, code.payment_code), code)
            _put(connection, "wallet_payment_codes", ("code_hash",), code.as_columns())
        return code

    # -- quotes

    def quotes(self, filters: Mapping[str, str]) -> list[Quote]:
        """The quotes that match."""
        with self._store.reading() as connection:
            return [quote_of(row) for row in _listed(connection, "wallet_quotes", filters)]

    def put_quote(self, quote: Quote) -> Quote:
        """Enter or change a quote. Raises NotOnRecord without its MPP."""
        with self._store.transaction() as connection:
            _require_psp(connection, quote.psp_id)
            _put(connection, "wallet_quotes", ("psp_id", "from_currency", "to_currency"), quote.as_columns())
        return quote

    def delete(self, table: str, filters: Mapping[str, str]) -> int:
        """Forget the records of one of the wallet's tables that match; how many there were."""
        condition, values = _condition(table, filters)
        with self._store.transaction() as connection:
            return connection.execute(f"DELETE FROM {table} WHERE {condition}", values).rowcount  # noqa: S608  # names of ours alone


def find_psp(connection: sqlite3.Connection, psp_id: str | None) -> Psp | None:
    """An MPP by its pspId."""
    row = connection.execute("SELECT * FROM wallet_psps WHERE psp_id = ?", (psp_id,)).fetchone()
    return psp_of(row) if row else None


def find_user(connection: sqlite3.Connection, psp_id: str, customer_id: str | None) -> User | None:
    """A user by its MPP and customerId."""
    if customer_id is None:
        return None
    rows = _listed(connection, "wallet_users", {"psp_id": psp_id, "customer_id": customer_id})
    return user_of(rows[0], _login_ids(connection, psp_id, customer_id)) if rows else None


def find_token(connection: sqlite3.Connection, access_token: str) -> Token | None:
    """A token by its text."""
    rows = _listed(connection, "wallet_tokens", {"token_hash": fingerprint(access_token)})
    return token_of(rows[0]) if rows else None


def find_payment_code(connection: sqlite3.Connection, payment_code: str) -> PaymentCode | None:
    """A payment code by its text."""
    rows = _listed(connection, "wallet_payment_codes", {"code_hash": fingerprint(payment_code)})
    return payment_code_of(rows[0]) if rows else None


def find_quote_price(connection: sqlite3.Connection, psp_id: str, from_currency: str, to_currency: str) -> str | None:
    """What one currency costs in another at an MPP."""
    row = connection.execute(
        "SELECT quote_price FROM wallet_quotes WHERE psp_id = ? AND from_currency = ? AND to_currency = ?",
        (psp_id, from_currency, to_currency),
    ).fetchone()
    return str(row["quote_price"]) if row else None


def _require_psp(connection: sqlite3.Connection, psp_id: str) -> Psp:
    psp = find_psp(connection, psp_id)
    if psp is None:
        raise NotOnRecord(f"the wallet has no MPP {psp_id}")
    return psp


def _require_user(connection: sqlite3.Connection, psp_id: str, customer_id: str) -> None:
    if find_user(connection, psp_id, customer_id) is None:
        raise NotOnRecord(f"there is no user {customer_id} there; run: acqp-gateway sandbox wallet users list")


def _require_same_owner(known: Token | PaymentCode | None, wanted: Token | PaymentCode) -> None:
    if known is not None and (known.psp_id, known.customer_id) != (wanted.psp_id, wanted.customer_id):
        raise AlreadyOnRecord("that is another user's")


def _check_pair(psp_name: str, psp_id: str) -> None:
    published = PUBLISHED_MPPS.get(psp_name)
    if published not in (None, psp_id) or (published is None and psp_id in PUBLISHED_MPPS.values()):
        raise IllegalValue(f"pspName {psp_name} and pspId {psp_id} are no published pair")


def _login_ids(connection: sqlite3.Connection, psp_id: str, customer_id: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT login_id FROM wallet_login_ids WHERE psp_id = ? AND customer_id = ? ORDER BY position",
        (psp_id, customer_id),
    )
    return tuple(row["login_id"] for row in rows)


def _has_users(connection: sqlite3.Connection, psp_id: str) -> bool:
    found = connection.execute("SELECT 1 FROM wallet_users WHERE psp_id = ? LIMIT 1", (psp_id,)).fetchone()
    return found is not None


def _condition(table: str, filters: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    if not filters.keys() <= set(_FILTERS):
        raise ValueError(f"no filter of ours: {sorted(filters)}")
    return " AND ".join(f"{table}.{name} = ?" for name in filters) or "TRUE", tuple(filters.values())


def _listed(
    connection: sqlite3.Connection, table: str, filters: Mapping[str, str], *, order: str = ""
) -> Sequence[sqlite3.Row]:
    """Rows with the name of their MPP."""
    condition, values = _condition(table, filters)
    return connection.execute(
        f"SELECT {table}.*, psp_name FROM {table} JOIN wallet_psps USING (psp_id) WHERE {condition}"  # noqa: S608  # names of ours alone
        f" ORDER BY {order or table + '.rowid'} LIMIT {_MOST_OF_A_KIND}",
        values,
    ).fetchall()


def _put(connection: sqlite3.Connection, table: str, key: Sequence[str], columns: Mapping[str, Any]) -> None:
    count = int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # names of ours alone
    if count >= _MOST_OF_A_KIND:
        raise IllegalState(f"{count} records are enough; delete some")
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  # names of ours alone
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}",
        tuple(columns.values()),
    )
