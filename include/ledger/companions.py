"""What goes to the partner beside a file and before it: its companions, in their order, with the bytes they have."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from psycopg2.extras import RealDictCursor

from include.ledger.errors import LedgerError, TransitionError
from include.ledger.files import Files
from include.ledger.preconditions import (
    database_now,
    locked_file,
    require_lease,
    require_no_lease,
    store_object,
)
from include.ledger.rows import FileRow, row_of
from include.ledger.states import DELIVERED

KIND: Final = re.compile(r"[a-z][a-z0-9_]*")
SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Companion:
    """One companion: its name beside the file, what it is (``manifest``), and its bytes in the archive."""

    name: str
    kind: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class CompanionRow:
    """
    A companion as the ledger has it.

    ``position`` counts from 1 in the order of sending. ``fingerprint`` says what the file's companions were made from.
    ``published_at`` is when it last came to its name, ``remote_path``; ``temp_name`` is what the last upload wrote to.
    """

    file_id: int
    position: int
    name: str
    kind: str
    sha256: str
    bytes: int
    fingerprint: str
    remote_path: str | None
    temp_name: str | None
    created_at: datetime
    published_at: datetime | None


class Companions(Files):
    """Registering companions, and what becomes of them; they have no states, they go while their file is UPLOADING."""

    def set_companions(self, file_id: int, companions: Sequence[Companion], fingerprint: str) -> list[CompanionRow]:
        """
        Let exactly ``companions``, in this order, go beside the file; those that it had are forgotten.

        Their bytes must be in the archive; retention keeps them as long as the file's. The same companions of the same
        ``fingerprint`` again change nothing. New bytes of the file (PLANNED) let go of them as well.

        :raises TransitionError: once an attempt to send the file has begun; the partner may have them.
        :raises LeaseHeldError: while an attempt is at work on it.
        :raises LedgerError: for a name that is a path, the file's own or there twice, or anything else malformed.
        """
        with self.transaction() as cursor:
            row = locked_file(cursor, file_id)
            _require_sound(row, companions, fingerprint)
            if not row.untouched:
                raise TransitionError(
                    f"{row.label} is {row.state} and an attempt to send it has begun, so what goes beside it is fixed: "
                    "the partner may have it. Next: let it finish, or reject and reopen it to have all made anew"
                )
            require_no_lease(cursor, row)
            there = _all(cursor, file_id)
            if [_told(one) for one in there] == [{**asdict(one), "fingerprint": fingerprint} for one in companions]:
                return there
            cursor.execute("DELETE FROM ledger.companion WHERE file_id = %s", [file_id])
            facts = [{"position": number, **asdict(one)} for number, one in enumerate(companions, 1)]
            for fact in facts:
                store_object(cursor, f"{row.label}, companion {fact['name']}", fact["sha256"], fact["bytes"])
                cursor.execute(
                    """
                    INSERT INTO ledger.companion (file_id, position, name, kind, sha256, bytes, fingerprint)
                    VALUES (%(file_id)s, %(position)s, %(name)s, %(kind)s, %(sha256)s, %(bytes)s, %(fingerprint)s)
                    """,
                    {**fact, "file_id": file_id, "fingerprint": fingerprint},
                )
            self._record(cursor, file_id, "COMPANIONS", detail={"fingerprint": fingerprint, "companions": facts})
            return _all(cursor, file_id)

    def companions(self, file_id: int) -> list[CompanionRow]:
        """Return the file's companions in the order in which they go; empty for most files."""
        with self.transaction() as cursor:
            return _all(cursor, file_id)

    def begin_companion(self, file_id: int, name: str, *, token: int, remote_path: str, temp_name: str) -> None:
        """
        Write down under which temporary name the companion is about to be uploaded, on its way to ``remote_path``.

        :raises LeaseLostError: if ``token`` is not the file's current, unexpired lease.
        :raises LedgerError: if the file has no such companion.
        """
        with self.transaction() as cursor:
            require_lease(cursor, locked_file(cursor, file_id), token)
            columns = {"remote_path": remote_path, "temp_name": temp_name}
            self._write(cursor, "COMPANION_UPLOADING", file_id, name, columns, {"token": token})

    def companion_published(self, file_id: int, name: str, *, remote_path: str, found: bool) -> None:
        """
        Record that the companion stands under its name; whoever holds the lease by now, since it does stand there.

        ``found``: it stood there already.

        :raises LedgerError: if the file has no such companion.
        """
        with self.transaction() as cursor:
            locked_file(cursor, file_id)
            columns = {"remote_path": remote_path, "published_at": database_now(cursor)}
            self._write(cursor, "COMPANION_PUBLISHED", file_id, name, columns, {"found": found})

    def sent_again_at(self, file_id: int) -> datetime | None:
        """Return when a person last had the file sent again; what went before that moment goes once more."""
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT max(at) AS at FROM ledger.event
                WHERE file_id = %s AND from_state = ANY (%s) AND to_state IN ('GATED', 'UPLOADING')
                """,
                [file_id, sorted({*DELIVERED, "UNKNOWN"})],
            )
            found = cursor.fetchone()
            assert found is not None
            at: datetime | None = found["at"]
            return at

    def _write(
        self,
        cursor: RealDictCursor,
        kind: str,
        file_id: int,
        name: str,
        columns: dict[str, Any],
        facts: dict[str, Any],
    ) -> None:
        """Set columns of one companion; the event carries them, so that the verifier can rebuild the row."""
        cursor.execute(
            """
            UPDATE ledger.companion SET remote_path = %(remote_path)s,
                temp_name = coalesce(%(temp_name)s, temp_name), published_at = coalesce(%(published_at)s, published_at)
            WHERE file_id = %(file_id)s AND name = %(name)s
            """,
            {"temp_name": None, "published_at": None, **columns, "file_id": file_id, "name": name},
        )
        if cursor.rowcount != 1:
            raise LedgerError(f"file {file_id} has no companion {name}; register it with set_companions before it goes")
        self._record(cursor, file_id, kind, detail={**facts, "companion": {"name": name, **columns}})


def _all(cursor: RealDictCursor, file_id: int) -> list[CompanionRow]:
    cursor.execute("SELECT * FROM ledger.companion WHERE file_id = %s ORDER BY position", [file_id])
    return [row_of(CompanionRow, found) for found in cursor.fetchall()]


def _told(row: CompanionRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "kind", "sha256", "bytes", "fingerprint")}


def _require_sound(row: FileRow, companions: Sequence[Companion], fingerprint: str) -> None:
    if not fingerprint.strip():
        raise LedgerError(f"{row.label}: companions need a fingerprint of what they were made from")
    seen = {row.file_name}
    for one in companions:
        if posixpath.basename(one.name) != one.name or one.name in ("", ".", ".."):
            raise LedgerError(f"{row.label}: the companion's name {one.name!r} is a path or empty; give a plain name")
        if one.name in seen:
            raise LedgerError(f"{row.label}: {one.name} is the name of two things that go; each needs its own")
        if not KIND.fullmatch(one.kind) or not SHA256.fullmatch(one.sha256) or one.bytes < 0:
            raise LedgerError(
                f"{row.label}, companion {one.name}: kind {one.kind!r}, SHA-256 {one.sha256!r} or {one.bytes} bytes is "
                "malformed; store it in the archive first and give what the archive's writer says"
            )
        seen.add(one.name)
