"""What needs a person, from when it was noticed until it was so no more, and on which channels that was told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from include.ledger.errors import LedgerError, TransitionError
from include.ledger.rows import row_of
from include.ledger.session import Session

Stage = Literal["OPENED", "RESOLVED"]
PROMISES: Final = ("LATE", "MISSING")
"""Kinds about a file of one period. A person may close them; they are never made again for the same file."""
STALE_BEATS: Final = 3
"""After so many intervals without a beat nobody looks any more."""

# A file that was late and is missing now is told as missing, not as "late no more".
_UNTOLD: Final = """
SELECT n.* FROM ledger.notice n
 WHERE n.resolved_at IS NULL AND NOT EXISTS (
       SELECT 1 FROM ledger.notice_telling t
        WHERE t.notice_id = n.id AND t.channel = %(channel)s AND t.stage = 'OPENED')
    OR n.resolved_at IS NOT NULL
       AND EXISTS (SELECT 1 FROM ledger.notice_telling t
                    WHERE t.notice_id = n.id AND t.channel = %(channel)s AND t.stage = 'OPENED')
       AND NOT EXISTS (SELECT 1 FROM ledger.notice_telling t
                        WHERE t.notice_id = n.id AND t.channel = %(channel)s AND t.stage = 'RESOLVED')
       AND NOT (n.kind = 'LATE' AND EXISTS (
                SELECT 1 FROM ledger.notice m WHERE m.kind = 'MISSING' AND m.subject = n.subject))
 ORDER BY n.id
"""
_BEAT: Final = """
INSERT INTO ledger.heartbeat AS h (name, owner, at, seconds) VALUES ('watch', %(owner)s, clock_timestamp(), %(seconds)s)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, at = excluded.at, seconds = excluded.seconds
 WHERE h.owner IN (excluded.owner, 'nobody') OR h.at + make_interval(secs => %(beats)s * h.seconds) < excluded.at
"""


@dataclass(frozen=True)
class NewNotice:
    """
    Something that needs a person.

    ``kind`` and ``subject`` say what it is; ``said`` is a sentence for the person on call, without a value of a row.
    ``scope`` is where one has to look to know whether it is still so; ``period`` the first day of a promised file's.
    """

    kind: str
    subject: str
    scope: str
    said: str
    interface: str | None = None
    dealer: str | None = None
    period: date | None = None


@dataclass(frozen=True)
class NoticeRow:
    """A notice; ``outcome`` says how it ended and ``resolved_by`` who found or decided it, None as long as it is so."""

    id: int
    kind: str
    subject: str
    scope: str
    interface: str | None
    dealer: str | None
    period: date | None
    said: str
    opened_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    outcome: str | None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.subject


@dataclass(frozen=True)
class Beat:
    """
    Who looked last and when; the next look was to come after ``seconds``.

    ``seen_at`` is when everything could last be looked at; None if it never could.
    """

    owner: str
    at: datetime
    seconds: int
    seen_at: datetime | None

    def is_stale(self, now: datetime) -> bool:
        """Whether nobody looks any more."""
        return now - self.at > timedelta(seconds=STALE_BEATS * self.seconds)


class Notices(Session):
    """Opening, ending and telling notices; what there is to notice, ``include/notices`` says."""

    def open_notices(self) -> list[NoticeRow]:
        """Return what is so now, the oldest first."""
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.notice WHERE resolved_at IS NULL ORDER BY id")
            return [row_of(NoticeRow, found) for found in cursor.fetchall()]

    def ended_notices(self, *, limit: int) -> list[NoticeRow]:
        """Return the last ``limit`` notices to end, the newest first."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.notice WHERE resolved_at IS NOT NULL ORDER BY resolved_at DESC, id DESC LIMIT %s",
                [limit],
            )
            return [row_of(NoticeRow, found) for found in cursor.fetchall()]

    def notice(self, notice_id: int) -> NoticeRow:
        """Return the notice; :class:`LedgerError` if there is none."""
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.notice WHERE id = %s", [notice_id])
            found = cursor.fetchone()
        if found is None:
            raise LedgerError(f"there is no notice {notice_id}")
        return row_of(NoticeRow, found)

    def open_notice(self, new: NewNotice) -> bool:
        """Write a notice down; False if it is open already, or is of a promised file and was made before."""
        with self.transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO ledger.notice (kind, subject, scope, interface, dealer, period, said)
                VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
                """,
                [new.kind, new.subject, new.scope, new.interface, new.dealer, new.period, new.said],
            )
            return cursor.rowcount == 1

    def end_notice(self, notice_id: int, *, outcome: str) -> bool:
        """Write down how a notice ended; False if somebody else did before."""
        with self.transaction() as cursor:
            cursor.execute(
                """
                UPDATE ledger.notice SET resolved_at = clock_timestamp(), outcome = %s, resolved_by = %s
                 WHERE id = %s AND resolved_at IS NULL
                """,
                [outcome, self.actor, notice_id],
            )
            return cursor.rowcount == 1

    def close_notice(self, notice_id: int, *, reason: str) -> None:
        """
        End a notice of a late or missing file by a person's decision, such as that none is to come.

        :raises TransitionError: if it is of another kind, which ends when its cause does, or has ended, or no reason
            was given.
        """
        found = self.notice(notice_id)
        if found.kind not in PROMISES:
            raise TransitionError(f"notice {notice_id} ends by itself, once its cause is gone; it cannot be closed")
        if not reason.strip():
            raise TransitionError(f"notice {notice_id}: closing it needs a reason; say why in one sentence")
        if not self.end_notice(notice_id, outcome=reason.strip()):
            raise TransitionError(f"notice {notice_id} has ended by now; nothing was changed")

    def untold_notices(self, channel: str) -> list[NoticeRow]:
        """
        Return what a channel has not been told: open ones, and the end of those whose opening it was told.

        What ended before it could be told is not told.
        """
        with self.transaction() as cursor:
            cursor.execute(_UNTOLD, {"channel": channel})
            return [row_of(NoticeRow, found) for found in cursor.fetchall()]

    def notices_told(self, channel: str, told: Mapping[int, Stage]) -> None:
        """Write down what a channel has been told, by the notices' numbers."""
        with self.transaction() as cursor:
            for notice_id, stage in told.items():
                cursor.execute(
                    "INSERT INTO ledger.notice_telling (notice_id, channel, stage) VALUES (%s, %s, %s) "
                    "ON CONFLICT DO NOTHING",
                    [notice_id, channel, stage],
                )

    def tellings(self, notice_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
        """Return the channels that were told of a notice's opening, by its number."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT notice_id, array_agg(channel ORDER BY channel) AS channels FROM ledger.notice_telling "
                "WHERE stage = 'OPENED' AND notice_id = ANY (%s) GROUP BY notice_id",
                [list(notice_ids)],
            )
            return {found["notice_id"]: found["channels"] for found in cursor.fetchall()}

    def beat(self, owner: str, *, seconds: int) -> bool:
        """Write down that ``owner`` looks now and again in ``seconds``; False as long as somebody else does."""
        with self.transaction() as cursor:
            cursor.execute(_BEAT, {"owner": owner, "seconds": seconds, "beats": STALE_BEATS})
            return cursor.rowcount == 1

    def saw_everything(self, at: datetime) -> None:
        """Write down that everything could be looked at; what is due from then on is looked at next time."""
        with self.transaction() as cursor:
            cursor.execute("UPDATE ledger.heartbeat SET seen_at = %s WHERE name = 'watch'", [at])

    def end_beats(self, owner: str) -> None:
        """Write down that ``owner`` looks no more, so that another need not wait until that shows."""
        with self.transaction() as cursor:
            cursor.execute("UPDATE ledger.heartbeat SET owner = 'nobody' WHERE name = 'watch' AND owner = %s", [owner])

    def last_beat(self) -> Beat | None:
        """Return who looked last; None if nobody ever did."""
        with self.transaction() as cursor:
            cursor.execute("SELECT owner, at, seconds, seen_at FROM ledger.heartbeat WHERE name = 'watch'")
            found = cursor.fetchone()
        return None if found is None else row_of(Beat, found)
