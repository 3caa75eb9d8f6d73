"""
The append-only list of what happened, and its hash chain.

``hash`` of an event is SHA-256 over the previous event's hash and the canonical JSON of the event's own fields, its
number among them. Numbers have no gaps, so a removed event shows as well as a changed one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from psycopg2.extras import RealDictCursor

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
    cursor.execute("SELECT id, hash, clock_timestamp() AS at FROM ledger.chain_head FOR UPDATE")
    head = cursor.fetchone()
    if head is None:
        raise LedgerError("ledger.chain_head is empty: run `make verify`, then restore its row from the last event")
    fields: dict[str, Any] = {
        "id": head["id"] + 1,
        "at": head["at"],
        "actor": actor,
        "file_id": file_id,
        "kind": kind,
        "from_state": from_state,
        "to_state": to_state,
        "reason": reason,
        "detail": canonical(detail or {}),
    }
    cursor.execute(
        """
        WITH added AS (
            INSERT INTO ledger.event
                (id, at, actor, file_id, kind, from_state, to_state, reason, detail, prev_hash, hash)
            VALUES (%(id)s, %(at)s, %(actor)s, %(file_id)s, %(kind)s, %(from_state)s, %(to_state)s, %(reason)s,
                %(detail)s, %(prev_hash)s, %(hash)s)
            RETURNING id, hash
        )
        UPDATE ledger.chain_head SET id = added.id, hash = added.hash FROM added
        """,
        {**fields, "prev_hash": head["hash"], "hash": event_hash(head["hash"], fields)},
    )
