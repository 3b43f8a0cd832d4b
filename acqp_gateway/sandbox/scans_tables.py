"""The tables of the scans, and which message of the history belongs to which scan."""

from __future__ import annotations

#: Run whenever the store is opened.
SCANS_TABLES = """
CREATE TABLE IF NOT EXISTS scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL,
    psp_id TEXT NOT NULL,
    payment_request_id TEXT,
    payment_id TEXT UNIQUE,
    due INTEGER NOT NULL,
    members TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS scans_by_payment_request ON scans (payment_request_id, id);
CREATE INDEX IF NOT EXISTS scans_that_are_due ON scans (id) WHERE due;
CREATE TABLE IF NOT EXISTS history_scans (
    history_id INTEGER PRIMARY KEY REFERENCES history ON DELETE CASCADE,
    scan_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS history_of_a_scan ON history_scans (scan_id, history_id);
"""
