"""
What a person decides about one file: release it, reject it, have it sent again, take up again what was given up.

Every decision needs a sentence that says why, and writes what the file was held for into its event. Of two people who
decide at once one gets the decision, the other learns what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from psycopg2.extras import RealDictCursor

from include.ledger.errors import TransitionError
from include.ledger.files import Files
from include.ledger.preconditions import locked_window
from include.ledger.rows import FileRow, Release, row_of
from include.ledger.states import DELIVERED, NEXT_STEP, NOT_LIVE, PREVIEW

UNDER_WAY = "it goes on by itself with the next run of its window"


class Decisions(Files):
    """The person's verbs; each returns the file as it stands now, and a run of its window does the rest."""

    def release(self, file_id: int, *, reason: str) -> FileRow:
        """
        Let a file go on that waits for a person.

        - PROPOSED → PLANNED: the next run makes the revision's bytes.
        - HELD with bytes → GATED: those very bytes are sent.
        - HELD without bytes, its rows checked → PLANNED: the next run waives what it was held for if it finds the same
          cause in the same content (``content_hash`` stays).

        :raises TransitionError: in any other state; for a file held before its rows were read, whose cause must be
            mended; for a proposal whose predecessor is being sent again; for a preview; without a reason.
        """
        with self.transaction() as cursor:
            window, row = self._asked(cursor, file_id, "release", reason)
            _require_no_preview(row, "release")
            if row.state == "PROPOSED":
                to = "PLANNED"
            elif row.state == "HELD" and row.sha256 is not None:
                to = "GATED"
            elif row.state == "HELD" and row.content_hash is not None:
                to = "PLANNED"
            elif row.state == "HELD":
                raise TransitionError(
                    f"{row.label} is held for what a release cannot waive, since no content was seen ({row.reason}). "
                    "Next: mend the cause and run the window again, or reject the file"
                )
            else:
                raise TransitionError(self._refusal(cursor, window, row, "release"))
            return self._decide(cursor, window, row, to, "release", reason)

    def reject(self, file_id: int, *, reason: str, contiguous: bool = False) -> FileRow:
        """
        Give up a file that waits: PROPOSED, HELD or WITHHELD → CANCELLED, and no run takes it up again.

        A redelivery (GATED or HELD, published before) goes back to PUBLISHED: the partner has had the file since the
        first time, and that is not undone.

        :param contiguous: whether the interface's files follow each other. Then the time of what is given up goes with
            the next file, and files of the dealer that were made behind it are given up with it.
        :raises TransitionError: in any other state, without a reason, or, where files follow each other, if a later
            file of the dealer is on its way already.
        """
        with self.transaction() as cursor:
            window, row = self._asked(cursor, file_id, "reject", reason)
            if row.published_at is not None and row.state in ("GATED", "HELD"):
                to = "PUBLISHED"
            elif row.state in ("PROPOSED", "HELD", "WITHHELD"):
                to = "CANCELLED"
                if contiguous and row.state == "HELD" and row.supersedes is None:
                    # What was made behind it has not its movements; the next run makes one file over all of it.
                    for later in _following(cursor, row):
                        why = f"given up with {row.label}, whose movements it does not have: {reason}"
                        self._decide(cursor, [later], later, "CANCELLED", "reject", why)
            else:
                raise TransitionError(self._refusal(cursor, window, row, "reject"))
            return self._decide(cursor, window, row, to, "reject", reason)

    def redeliver(self, file_id: int, *, reason: str) -> FileRow:
        """
        Have the same bytes sent again, under the same name and number.

        PUBLISHED or ACKED → GATED; UNKNOWN → UPLOADING, which the next run's publishing takes up either way.

        :raises TransitionError: if a later revision has replaced the file or is under way, if its bytes have been
            purged, in any other state, or without a reason.
        """
        with self.transaction() as cursor:
            window, row = self._asked(cursor, file_id, "redeliver", reason)
            _require_no_preview(row, "redeliver")
            if row.state not in DELIVERED and row.state != "UNKNOWN":
                raise TransitionError(self._refusal(cursor, window, row, "redeliver"))
            to = "GATED" if row.state in DELIVERED else "UPLOADING"
            return self._decide(cursor, window, row, to, "redeliver", reason)

    def reopen(self, file_id: int, *, reason: str, contiguous: bool = False) -> FileRow:
        """
        Take up again what a person gave up: CANCELLED → PLANNED, with its sequence number if it has one.

        :param contiguous: whether the interface's files follow each other; then none is taken up whose time went with
            a later file, that leaves out one given up right before it, or of which the partner has a companion: under
            the same name there could be no other.
        :raises TransitionError: if a later revision follows it, in any other state, for a preview (which begins anew by
            being run), or without a reason.
        """
        with self.transaction() as cursor:
            window, row = self._asked(cursor, file_id, "reopen", reason)
            _require_no_preview(row, "reopen")
            if row.state != "CANCELLED":
                raise TransitionError(self._refusal(cursor, window, row, "reopen"))
            _require_time_of_its_own(cursor, row)
            if contiguous:
                _require_nothing_left_out(cursor, row)
                _require_nothing_beside_it(cursor, row)
            # A correction is wanted as the person saw it: what is other by now is held and not sent in its place.
            kept = {} if row.supersedes is None else {"content_hash": row.content_hash}
            return self._decide(cursor, window, row, "PLANNED", "reopen", reason, kept)

    def released(self, file_id: int) -> Release | None:
        """Return the last release by a person; None if there was none, or somebody has rejected the file since."""
        with self.transaction() as cursor:
            release, reject = _last(cursor, file_id, "release"), _last(cursor, file_id, "reject")
            return None if release is not None and reject is not None and reject.at > release.at else release

    def _asked(self, cursor: RealDictCursor, file_id: int, verb: str, reason: str) -> tuple[list[FileRow], FileRow]:
        window = locked_window(cursor, file_id)
        row = next(row for row in window if row.id == file_id)
        if not reason.strip():
            raise TransitionError(
                f"{row.label}: to {verb} it needs a reason; say why in one sentence, it stays in the record"
            )
        return window, row

    def _decide(
        self,
        cursor: RealDictCursor,
        window: list[FileRow],
        row: FileRow,
        to: str,
        verb: str,
        reason: str,
        columns: Mapping[str, Any] = MappingProxyType({}),
    ) -> FileRow:
        detail = {"verb": verb, "held_for": row.reason, "content_hash": row.content_hash}
        return self._step(cursor, window, row, to, reason=reason, detail=detail, columns=columns)

    def _refusal(self, cursor: RealDictCursor, window: list[FileRow], row: FileRow, verb: str) -> str:
        """Say what the file is instead, who made it so if it was a person's decision, and what can be done."""
        why = f" ({row.reason})" if row.reason else ""
        decided = _last(cursor, row.id)
        by = f", decided by {decided.actor} at {decided.at:%Y-%m-%d %H:%M:%S} UTC" if decided else ""
        return f"{row.label} is {row.state}{why}{by}: there is nothing to {verb}. Next: {_next_step(window, row, verb)}"


def _next_step(window: list[FileRow], row: FileRow, verb: str) -> str:
    later = [other for other in window if other.revision > row.revision and other.state not in NOT_LIVE]
    steps = {
        "PROPOSED": "release it to have it sent, or reject it",
        "HELD": "release it to have it sent, or reject it",
        "WITHHELD": NEXT_STEP["WITHHELD"],
        "UNKNOWN": "ask the partner whether it arrived; if it did not, redeliver it",
        "PUBLISHED": "redeliver it if the partner wants the same bytes again; changed data are proposed by a run",
        "ACKED": "redeliver it if the partner wants the same bytes again; changed data are proposed by a run",
        "SUPERSEDED": f"work with {later[-1].label}, which replaced it" if later else "work with the later revision",
        "CANCELLED": "reopen it if it is wanted after all",
    }
    if row.state in steps:
        return steps[row.state]
    if row.state == "GATED" and row.published_at is not None:
        return f"{UNDER_WAY}; reject it to take the redelivery back"
    return UNDER_WAY if verb != "reject" else f"{UNDER_WAY}; pause the dealer's feed if it must not"


def _require_no_preview(row: FileRow, verb: str) -> None:
    if row.environment == PREVIEW:
        raise TransitionError(
            f"{row.label} is a preview, which is never sent, so there is nothing to {verb}. Next: run its window with "
            "mode deliver, then decide about the live file"
        )


def _following(cursor: RealDictCursor, row: FileRow) -> list[FileRow]:
    """
    The dealer's later files that stand, the latest first; none of them may be beyond the reach of a decision.

    :raises TransitionError: if an attempt to send one has begun, so that the time of ``row`` would never be sent.
    """
    cursor.execute(
        """
        SELECT * FROM ledger.file
        WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
            AND window_start >= %(window_end)s AND state <> ALL (%(passed_over)s)
        ORDER BY window_start DESC, revision DESC FOR UPDATE
        """,
        {**vars(row), "passed_over": [*sorted(NOT_LIVE), "WITHHELD"]},
    )
    found = [row_of(FileRow, one) for one in cursor.fetchall()]
    for later in found:
        if not later.untouched:
            raise TransitionError(
                f"{row.label} cannot be given up: {later.label} follows it and is {later.state}, so the movements of "
                "this window, an erasure among them perhaps, would never be sent. Next: release this one"
            )
    return found


def _require_time_of_its_own(cursor: RealDictCursor, row: FileRow) -> None:
    """A window that was given up may have gone with the next file meanwhile."""
    cursor.execute(
        """
        SELECT * FROM ledger.file
        WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
            AND window_start <= %(window_start)s AND window_end >= %(window_end)s
            AND (window_start, window_end) <> (%(window_start)s, %(window_end)s) AND state <> ALL (%(not_live)s)
        ORDER BY window_start LIMIT 1
        """,
        {**vars(row), "not_live": sorted(NOT_LIVE)},
    )
    if (found := cursor.fetchone()) is not None:
        there = row_of(FileRow, found)
        raise TransitionError(
            f"{row.label} cannot be taken up again: its time is in {there.label}, which is {there.state}. Next: work "
            "with that file"
        )


def _require_nothing_left_out(cursor: RealDictCursor, row: FileRow) -> None:
    cursor.execute(
        """
        SELECT * FROM ledger.file AS before
        WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
            AND window_end = %(window_start)s AND state = 'CANCELLED' AND NOT EXISTS (
                SELECT FROM ledger.file
                WHERE interface = before.interface AND dealer = before.dealer AND environment = before.environment
                    AND window_start <= before.window_start AND window_end >= before.window_end
                    AND state <> ALL (%(not_live)s))
        ORDER BY revision DESC LIMIT 1
        """,
        {**vars(row), "not_live": sorted(NOT_LIVE)},
    )
    if (found := cursor.fetchone()) is not None:
        before = row_of(FileRow, found)
        raise TransitionError(
            f"{row.label} cannot be taken up alone: {before.label}, right before it, was given up, and its movements "
            "would be left out. Next: reopen that one first, or run a later day, which makes one file over all of it"
        )


def _require_nothing_beside_it(cursor: RealDictCursor, row: FileRow) -> None:
    cursor.execute(
        "SELECT name FROM ledger.companion WHERE file_id = %s AND published_at IS NOT NULL ORDER BY position LIMIT 1",
        [row.id],
    )
    if (found := cursor.fetchone()) is not None:
        raise TransitionError(
            f"{row.label} cannot be taken up under its number: {found['name']} of it is with the partner, and new "
            "bytes need another. Next: run a later day; the file that it makes holds this window too"
        )


def _last(cursor: RealDictCursor, file_id: int, verb: str | None = None) -> Release | None:
    cursor.execute(
        """
        SELECT at, actor, reason, detail FROM ledger.event
        WHERE file_id = %(id)s AND detail ->> 'verb' IS NOT NULL
            AND (%(verb)s IS NULL OR detail ->> 'verb' = %(verb)s)
        ORDER BY id DESC LIMIT 1
        """,
        {"id": file_id, "verb": verb},
    )
    found = cursor.fetchone()
    if found is None:
        return None
    detail = found["detail"]
    return Release(found["at"], found["actor"], found["reason"], detail["held_for"], detail["content_hash"])
