"""Every message of the sandbox, with what was signed and the verdict on it: the newest ones are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from acqp_gateway.errors import ParameterIllegal, SignatureInvalid
from acqp_gateway.protocol.headers import read_signature
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.signature import Message, verify
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.sandbox.store import SandboxStore

MOST_MESSAGES = 5_000
#: Of a longer body the beginning is kept.
LONGEST_BODY = 20_000
_LONGEST_JSON = 1_000_000
#: So many messages are looked through for one to play back.
_LOOKED_BACK = 100

RECEIVED = "received"
SENT = "sent"


@dataclass(frozen=True, slots=True)
class Part:
    """A request or an answer: its headers, its bytes, of which `longest` are kept, and the header with its time."""

    headers: Mapping[str, str]
    body: bytes
    time_header: str
    longest: int = LONGEST_BODY

    def as_json(self, method: str, target: str) -> dict[str, Any]:
        """The part for a person, with the text that was, or had to be, signed."""
        text = self.body[: self.longest].decode("utf-8", "backslashreplace")
        client_id, time = self.headers.get("client-id"), self.headers.get(self.time_header)
        signed = None
        if client_id is not None and time is not None:
            signed = f"{method} {target}\n{client_id}.{time}.{text}"
        return {
            "headers": dict(self.headers),
            "body": text,
            "bodyBytes": len(self.body),
            "bodyIsCut": len(self.body) > self.longest,
            "signedText": signed,
        }


def request_part(headers: Mapping[str, str], body: bytes, longest: int = LONGEST_BODY) -> Part:
    """A request; header names in lower case."""
    return Part(headers, body, "request-time", longest)


def answer_part(headers: Mapping[str, str], body: bytes) -> Part:
    """An answer; header names in lower case."""
    return Part(headers, body, "response-time")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a signature is right, in a few words for a person."""

    verified: bool
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange. `direction` says whether the sandbox received the request or sent it.

    `status` and `answer` are None where nothing came back or nothing was sent; `scan` names the scan that it is
    part of, where that is known.
    """

    at: datetime
    direction: str
    api: str
    method: str
    target: str
    request: Part
    verdict: Verdict
    subject: str = ""
    status: str | None = None
    answer: Part | None = None
    fault: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    scan: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry as the control API writes it."""
        return {
            "time": self.at.isoformat(timespec="milliseconds"),
            "direction": self.direction,
            "api": self.api,
            "method": self.method,
            "target": self.target,
            "subject": self.subject,
            "request": self.request.as_json(self.method, self.target),
            "signatureVerified": self.verdict.verified,
            "verdict": self.verdict.text,
            "answer": self._answer(),
            "result": _result_code(self.answer),
            "fault": self.fault,
            **self.facts,
        }

    def _answer(self) -> dict[str, Any] | None:
        if self.answer is None:
            return None
        return {"status": self.status, **self.answer.as_json(self.method, self.target)}


_MATCHING = (
    "SELECT id, message, scan_id FROM history LEFT JOIN history_scans ON history_id = id"
    " WHERE (:api IS NULL OR api = :api) AND (:scan IS NULL OR scan_id = :scan)"
    " AND (:before IS NULL OR id < :before) AND (:after IS NULL OR id > :after)"
)
_NEWEST_FIRST = " ORDER BY id DESC LIMIT :limit"
_OLDEST_FIRST = " ORDER BY id LIMIT :limit"

#: The id of the scan that a message with these members is part of, where there is one.
ScanOf = Callable[[Mapping[str, Any]], str | None]


class History:
    """The newest messages of one sandbox; `scan_of` says of a message that it received which scan it belongs to."""

    def __init__(self, store: SandboxStore, scan_of: ScanOf = lambda _members: None) -> None:
        self._store = store
        self._scan_of = scan_of

    def add(self, entry: Entry) -> None:
        """Keep an entry, and let go of the oldest when there are too many."""
        message = json.dumps(entry.as_json())
        scan = entry.scan or self._scan_of(members_of(entry.request.body))
        with self._store.transaction() as connection:
            added = connection.execute("INSERT INTO history (api, message) VALUES (?, ?)", (entry.api, message))
            entry_id = added.lastrowid or 0
            if scan is not None:
                connection.execute("INSERT INTO history_scans VALUES (?, ?)", (entry_id, scan))
            connection.execute("DELETE FROM history WHERE id <= ?", (entry_id - MOST_MESSAGES,))

    def listed(
        self,
        *,
        limit: int,
        api: str | None = None,
        before: int | None = None,
        after: int | None = None,
        scan: str | None = None,
    ) -> list[dict[str, Any]]:
        """The newest entries first, each with its `id` and its `scan`; `before` goes on from one that was seen.

        With `after` those that came after it, the oldest first. `scan` is the id of one.
        """
        with self._store.reading() as connection:
            rows = connection.execute(
                _MATCHING + (_NEWEST_FIRST if after is None else _OLDEST_FIRST),
                {"api": api, "before": before, "after": after, "scan": scan, "limit": limit},
            ).fetchall()
        return [{"id": row["id"], **json.loads(row["message"]), "scan": row["scan_id"]} for row in rows]

    def last_sent(self, api: str, target: str) -> tuple[dict[str, str], bytes] | None:
        """Headers (lower case) and body of the newest call of an API that no fault changed; None without one."""
        with self._store.reading() as connection:
            rows = connection.execute(
                "SELECT message FROM history WHERE api = ? ORDER BY id DESC LIMIT ?", (api, _LOOKED_BACK)
            ).fetchall()
        for row in rows:
            message = json.loads(row["message"])
            request = message["request"]
            genuine = message["fault"] is None and message["direction"] == SENT and message["target"] == target
            if genuine and not request["bodyIsCut"]:
                return dict(request["headers"]), str(request["body"]).encode()
        return None

    def clear(self) -> int:
        """Forget everything; how many entries there were."""
        with self._store.transaction() as connection:
            return connection.execute("DELETE FROM history").rowcount


def verdict_on(
    method: str, target: str, headers: Mapping[str, str], body: bytes, keys: VersionedKeys[RSAPublicKey] | None
) -> Verdict:
    """Whether a request is signed by the one it names; `keys` is None for somebody whom nobody knows."""
    if keys is None:
        return Verdict(False, "no such Client-Id" if headers.get("client-id") else "no Client-Id")
    if not headers.get("request-time") or not headers.get("signature"):
        return Verdict(False, "no Request-Time" if not headers.get("request-time") else "no Signature")
    try:
        header = read_signature(headers["signature"])
        version = header.key_version or keys.newest_version
        if version not in keys.by_version:
            return Verdict(False, f"no key of version {version[:20]}")
        message = Message(method, target, headers["client-id"], headers["request-time"], body)
        verify(message, header.signature, keys.by_version[version])
    except SignatureInvalid as error:
        wrong = error.reason == "signature_wrong"
        return Verdict(False, "signature wrong" if wrong else f"Signature cannot be read ({error.reason})")
    return Verdict(True, f"verified with key {version}")


def members_of(body: bytes) -> dict[str, Any]:
    """The members of whatever body there is."""
    try:
        return read_object(body)
    except ParameterIllegal:
        return {}


def _result_code(answer: Part | None) -> str | None:
    """What the answer says, be it believable or not."""
    try:
        code = json.loads(answer.body[:_LONGEST_JSON])["result"]["resultCode"] if answer else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) else None
