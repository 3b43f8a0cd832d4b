"""The wallet's tables. Amounts are whole numbers of minor units, times ISO 8601 in UTC, all of one length."""

from __future__ import annotations

WALLET_TABLES = """
CREATE TABLE IF NOT EXISTS wallet_psps (
    psp_id TEXT PRIMARY KEY,
    psp_name TEXT NOT NULL UNIQUE,
    currency TEXT NOT NULL,
    in_service INTEGER NOT NULL,
    contract_in_force INTEGER NOT NULL,
    product_on INTEGER NOT NULL,
    payment_limit INTEGER,
    payments_per_day INTEGER,
    rate TEXT,
    restricted_regions TEXT NOT NULL,
    pass_through_info TEXT
);
CREATE TABLE IF NOT EXISTS wallet_users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    psp_id TEXT NOT NULL REFERENCES wallet_psps,
    customer_id TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    balance INTEGER NOT NULL CHECK (balance >= 0),
    status TEXT NOT NULL,
    kyc_qualified INTEGER NOT NULL,
    payment_limit INTEGER,
    payment_method_available INTEGER NOT NULL,
    pin TEXT,
    region TEXT,
    on_risk_list INTEGER NOT NULL,
    processing_seconds INTEGER NOT NULL,
    UNIQUE (psp_id, customer_id)
);
CREATE TABLE IF NOT EXISTS wallet_login_ids (
    psp_id TEXT NOT NULL,
    login_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (psp_id, login_id),
    FOREIGN KEY (psp_id, customer_id) REFERENCES wallet_users (psp_id, customer_id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS wallet_login_ids_by_user ON wallet_login_ids (psp_id, customer_id, position);
CREATE TABLE IF NOT EXISTS wallet_tokens (
    token_hash TEXT PRIMARY KEY,
    access_token TEXT NOT NULL,
    psp_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expires_at TEXT,
    revoked INTEGER NOT NULL,
    FOREIGN KEY (psp_id, customer_id) REFERENCES wallet_users (psp_id, customer_id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS wallet_payment_codes (
    code_hash TEXT PRIMARY KEY,
    payment_code TEXT NOT NULL,
    psp_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    FOREIGN KEY (psp_id, customer_id) REFERENCES wallet_users (psp_id, customer_id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS wallet_quotes (
    psp_id TEXT NOT NULL REFERENCES wallet_psps,
    from_currency TEXT NOT NULL,
    to_currency TEXT NOT NULL,
    quote_price TEXT NOT NULL,
    PRIMARY KEY (psp_id, from_currency, to_currency)
);
CREATE TABLE IF NOT EXISTS wallet_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    psp_id TEXT NOT NULL REFERENCES wallet_psps,
    customer_id TEXT,
    payment_request_id TEXT NOT NULL,
    payment_id TEXT NOT NULL UNIQUE,
    currency TEXT NOT NULL,
    value INTEGER NOT NULL,
    user_currency TEXT,
    debit INTEGER,
    quote_price TEXT,
    merchant_id TEXT,
    store_id TEXT,
    result_code TEXT NOT NULL,
    confirmed_at TEXT NOT NULL,
    settles_at TEXT,
    payment_time TEXT,
    pass_through_info TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS wallet_payments_one_counts ON wallet_payments (psp_id, payment_request_id)
    WHERE result_code IN ('SUCCESS', 'PAYMENT_IN_PROCESS');
CREATE INDEX IF NOT EXISTS wallet_payments_by_request ON wallet_payments (payment_request_id, psp_id, id);
CREATE INDEX IF NOT EXISTS wallet_payments_by_user ON wallet_payments (psp_id, customer_id, confirmed_at);
CREATE TABLE IF NOT EXISTS wallet_samples (made_at TEXT NOT NULL);
"""
