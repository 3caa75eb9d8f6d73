"""
The append-only list of what happened, and its hash chain.

``hash`` of an event is SHA-256 over the previous event's hash and the canonical JSON of the event's own fields, its
number among them. Numbers have no gaps, so a removed event shows as well as a changed one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from psycopg2.extras import RealDictCursor, execute_values

from include.ledger.errors import LedgerError

GENESIS: Final = "0" * 64


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it and anyone can compare it: instants ISO 8601 in UTC, decimals as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    return value


def canonical(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no blanks, ASCII."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def event_hash(prev_hash: str, fields: Mapping[str, Any]) -> str:
    """Hash of an event. ``fields``: id, at, actor, file_id, kind, from_state, to_state, reason, detail (JSON text)."""
    return hashlib.sha256((prev_hash + canonical(fields)).encode()).hexdigest()


def append(
    cursor: RealDictCursor,
    *,
    actor: str,
    kind: str,
    file_id: int | None,
    from_state: str | None = None,
    to_state: str | None = None,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """
    Add one event in the cursor's transaction.

    Locks the chain's head until the commit, so lock every other row you need before you call this: two transactions
    that each held a row and waited for the other's would otherwise end in a deadlock.
    """
    fact = {"kind": kind, "file_id": file_id, "from_state": from_state, "to_state": to_state, "reason": reason}
    append_all(cursor, actor=actor, facts=[{**fact, "detail": detail}])


def append_all(cursor: RealDictCursor, *, actor: str, facts: Sequence[Mapping[str, Any]]) -> None:
    """
    Add events in the order given, as :func:`append` does, a thousand to a statement.

    A fact has ``kind`` and may have ``file_id``, ``from_state``, ``to_state``, ``reason`` and ``detail``.
    """
    if not facts:
        return
    cursor.execute("SELECT id, hash, clock_timestamp() AS at FROM ledger.chain_head FOR UPDATE")
    head = cursor.fetchone()
    if head is None:
        raise LedgerError("ledger.chain_head is empty: run `make verify`, then restore its row from the last event")
    previous = head["hash"]
    links: list[tuple[Any, ...]] = []
    for number, fact in enumerate(facts, head["id"] + 1):
        fields: dict[str, Any] = {
            "id": number,
            "at": head["at"],
            "actor": actor,
            "file_id": fact.get("file_id"),
            "kind": fact["kind"],
            "from_state": fact.get("from_state"),
            "to_state": fact.get("to_state"),
            "reason": fact.get("reason"),
            "detail": canonical(fact.get("detail") or {}),
        }
        current = event_hash(previous, fields)
        links.append((*fields.values(), previous, current))
        previous = current
    execute_values(
        cursor,
        """
        INSERT INTO ledger.event
            (id, at, actor, file_id, kind, from_state, to_state, reason, detail, prev_hash, hash) VALUES %s
        """,
        links,
        template="(%s, %s, %s, %s::bigint, %s, %s, %s, %s, %s::json, %s, %s)",
        page_size=1_000,
    )
    cursor.execute("UPDATE ledger.chain_head SET id = %s, hash = %s", [links[-1][0], previous])
