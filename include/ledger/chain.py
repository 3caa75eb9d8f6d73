"""Reads the event chain from its first link to its head, and every row against what its events say it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import psycopg2
from psycopg2.extras import RealDictCursor

from include.ledger import arrival_chain
from include.ledger.errors import LedgerUnavailableError
from include.ledger.events import GENESIS, canonical, event_hash
from include.ledger.preconditions import LETS_GO
from include.ledger.session import Session, connect

HASHED: Final = ("id", "at", "actor", "file_id", "kind", "from_state", "to_state", "reason", "detail")
ROWS_AT_A_TIME: Final = 5000


@dataclass(frozen=True)
class Drift:
    """
    A file, arrival or feed (``kind``) whose row is not what its events made it.

    ``file_id`` is the row's id; ``columns`` are the names, the values stay in the database.
    """

    file_id: int
    columns: tuple[str, ...]
    kind: str = "file"

    def __str__(self) -> str:
        return f"{self.kind} {self.file_id}: {', '.join(self.columns)} differ from what its events say"


@dataclass(frozen=True)
class ChainReport:
    """
    What the verifier read.

    ``first_broken_event_id`` is the first event that is changed or missing (None: the chain is whole), ``why`` says
    which; ``checked`` counts the events read, ``head_hash`` is the hash of the last whole one.
    """

    first_broken_event_id: int | None
    checked: int
    head_hash: str
    why: str | None = None
    drifts: tuple[Drift, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether chain and rows agree with each other and with the past."""
        return self.first_broken_event_id is None and not self.drifts


def verify(dsn: str) -> ChainReport:
    """
    Check every event, then every file, arrival and feed, in one snapshot that later writers do not disturb.

    The rows are not compared when the chain is broken: nothing after the break can be relied on.

    :raises LedgerError: if the database cannot be reached or its schema is another.
    """
    with Session(dsn, actor="verify") as session:
        session.check_schema()
        with closing(connect(dsn, application_name="ledger verify")) as connection:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            try:
                with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
                    return _verify(cursor)
            except psycopg2.OperationalError as error:
                raise LedgerUnavailableError(
                    f"the ledger at {session.place}: the connection broke while verifying "
                    f"({' '.join(str(error).split())}); run it again"
                ) from error


def _verify(cursor: RealDictCursor) -> ChainReport:
    cursor.execute("SELECT id, hash FROM ledger.chain_head")
    head = cursor.fetchone()
    number, previous = 0, GENESIS
    told: dict[int, dict[str, Any]] = {}
    beside: dict[int, dict[str, dict[str, Any]]] = {}
    inbound: arrival_chain.Told = {}
    for event in _events(cursor):
        expected = number + 1
        why = None
        if event["id"] != expected:
            why = f"event {expected} is missing (the next one there is {event['id']})"
        elif event["prev_hash"] != previous:
            why = f"event {expected} does not continue the event before it: one of the two was replaced"
        elif event["hash"] != event_hash(previous, {name: event[name] for name in HASHED}):
            why = f"event {expected} was changed after it was written"
        if why:
            return ChainReport(expected, number, previous, why)
        number, previous = expected, event["hash"]
        if event["file_id"] is None:
            arrival_chain.tell(inbound, event, json.loads(event["detail"]))
        else:
            _tell(told, beside, event)
    if head is None or (head["id"], head["hash"]) != (number, previous):
        said = "no event at all" if head is None else f"event {head['id']}"
        return ChainReport(
            number + 1,
            number,
            previous,
            f"event {number + 1} is missing or the head was changed: the head names {said}",
        )
    came_in = (Drift(row_id, columns, kind) for kind, row_id, columns in arrival_chain.drifts(cursor, inbound))
    return ChainReport(
        None, number, previous, drifts=(*_drifts(cursor, told), *_companion_drifts(cursor, beside), *came_in)
    )


def _events(cursor: RealDictCursor) -> Iterator[dict[str, Any]]:
    """Every event in order; the transaction's one snapshot lets it be read in portions by number."""
    last = -1
    while True:
        # detail as text: the hash covers what was written, not what it means.
        cursor.execute(
            """
            SELECT id, at, actor, file_id, kind, from_state, to_state, reason, detail::text AS detail, prev_hash, hash
            FROM ledger.event WHERE id > %s ORDER BY id LIMIT %s
            """,
            [last, ROWS_AT_A_TIME],
        )
        found = cursor.fetchall()
        if not found:
            return
        yield from (dict(row) for row in found)
        last = found[-1]["id"]


def _tell(told: dict[int, dict[str, Any]], beside: dict[int, dict[str, dict[str, Any]]], event: dict[str, Any]) -> None:
    """Add to what the events tell about each file, and about what goes beside it, what this one does."""
    detail = json.loads(event["detail"])
    columns = told.setdefault(event["file_id"], {})
    columns.update(detail.get("columns", {}))
    if event["to_state"] is not None:
        columns["state"] = event["to_state"]
        columns["reason"] = event["reason"]
    companions = beside.setdefault(event["file_id"], {})
    if event["to_state"] in LETS_GO or event["kind"] == "COMPANIONS":
        companions.clear()
    for fact in detail.get("companions", ()) if event["kind"] == "COMPANIONS" else ():
        unsent = dict.fromkeys(("remote_path", "temp_name", "published_at"))
        companions[fact["name"]] = {**fact, **unsent, "fingerprint": detail["fingerprint"]}
    if event["kind"] in ("COMPANION_UPLOADING", "COMPANION_PUBLISHED"):
        companions[detail["companion"]["name"]].update(detail["companion"])


def _drifts(cursor: RealDictCursor, told: dict[int, dict[str, Any]]) -> Iterator[Drift]:
    cursor.execute("SELECT * FROM ledger.file ORDER BY id")
    for row in cursor:
        columns = told.pop(row["id"], None)
        if columns is None:
            yield Drift(row["id"], ("the whole row has no event, so its columns",))
            continue
        differing = tuple(sorted(name for name, value in columns.items() if canonical(row[name]) != canonical(value)))
        if differing:
            yield Drift(row["id"], differing)
    for file_id in sorted(told):
        yield Drift(file_id, ("the row is gone, so all columns",))


def _companion_drifts(cursor: RealDictCursor, beside: dict[int, dict[str, dict[str, Any]]]) -> Iterator[Drift]:
    cursor.execute("SELECT * FROM ledger.companion ORDER BY file_id, position")
    for row in cursor:
        columns = beside.get(row["file_id"], {}).pop(row["name"], None)
        if columns is None:
            yield Drift(row["file_id"], (f"the companion {row['name']} has no event, so its columns",))
            continue
        differing = sorted(name for name, value in columns.items() if canonical(row[name]) != canonical(value))
        if differing:
            yield Drift(row["file_id"], tuple(f"companion {row['name']}: {name}" for name in differing))
    for file_id, missing in sorted(beside.items()):
        for name in sorted(missing):
            yield Drift(file_id, (f"the companion {name} is gone, so its columns",))
