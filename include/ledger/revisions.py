"""Proposed revisions: what a run over a delivered window found to be different, waiting for a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from psycopg2.extras import Json

from include.ledger.errors import LedgerError, TransitionError
from include.ledger.events import canonical, plain
from include.ledger.files import Files
from include.ledger.preconditions import locked_window
from include.ledger.rows import FileRow, row_of
from include.ledger.states import DELIVERED, NEXT_STEP, NOT_LIVE

DIFFERENCE_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")


class Revisions(Files):
    """Proposing; a person decides with ``release`` or ``reject``, see include/ledger/decisions.py."""

    def propose_revision(
        self,
        delivered: FileRow,
        *,
        batch_id: int | None,
        content_hash: str,
        rows: int,
        control_total: Decimal | None,
        difference: Mapping[str, Any],
    ) -> FileRow:
        """
        Add a revision (highest + 1, PROPOSED) to a delivered window whose data have changed since.

        An open proposal with the same ``content_hash`` is returned as it is; one with other content is cancelled in the
        same transaction, because its difference describes data that are not there any more. If the window's last
        revision has this content and a person has given it up (CANCELLED), that one is returned as it is: nobody is
        asked twice. ``difference`` is numbers by name, e.g. ``{"rows_before": 10, "rows_after": 12}``.

        :raises TransitionError: if ``delivered`` is not delivered any more, or a later revision is under way.
        :raises LedgerError: if nothing changed, or ``difference`` holds anything but numbers.
        """
        _require_numbers(delivered, difference)
        with self.transaction() as cursor:
            window = locked_window(cursor, delivered.id)
            current = next(row for row in window if row.id == delivered.id)
            later = [row for row in window if row.revision > current.revision and row.state not in NOT_LIVE]
            if current.state not in DELIVERED or later:
                speaking = later[-1] if later else current
                next_step = NEXT_STEP.get(speaking.state, "let it finish or cancel it")
                raise TransitionError(
                    f"{current.label} cannot get a proposed revision: {speaking.label} is {speaking.state}. "
                    f"Next: {next_step}"
                )
            if content_hash == current.content_hash:
                raise LedgerError(
                    f"{current.label}: the content is what was delivered; note UNCHANGED, propose nothing"
                )
            open_proposals = [row for row in window if row.state == "PROPOSED"]
            for proposal in open_proposals:
                if proposal.content_hash == content_hash:
                    return proposal
            last = window[-1]
            if (last.state, last.supersedes, last.content_hash) == ("CANCELLED", current.id, content_hash):
                return last
            columns = {
                "batch_id": batch_id,
                "content_hash": content_hash,
                "rows": rows,
                "control_total": control_total,
                "supersedes": current.id,
                "revision": last.revision + 1,
            }
            cursor.execute(
                """
                INSERT INTO ledger.file (interface, partner, dealer, environment, window_start, window_end,
                    zone, business_date, contract_version, revision, state, reason, batch_id, content_hash, rows,
                    control_total, supersedes, difference)
                SELECT interface, partner, dealer, environment, window_start, window_end, zone, business_date,
                    coalesce((SELECT batch.contract_version FROM ledger.batch WHERE id = %(batch_id)s),
                        contract_version),
                    %(revision)s, 'PROPOSED', %(reason)s, %(batch_id)s, %(content_hash)s, %(rows)s, %(control_total)s,
                    %(supersedes)s, %(difference)s
                FROM ledger.file WHERE id = %(supersedes)s
                RETURNING *
                """,
                {
                    **columns,
                    "reason": f"the data differ from revision {current.revision}, which was delivered",
                    "difference": Json(plain(difference), dumps=canonical),
                },
            )
            found = cursor.fetchone()
            assert found is not None
            proposed = row_of(FileRow, found)
            replaced = f"replaced by revision {proposed.revision}: the data have changed again"
            for proposal in open_proposals:
                self._set(cursor, proposal.id, {"state": "CANCELLED", "reason": replaced})
            for proposal in open_proposals:
                self._record(
                    cursor, proposal.id, "CANCELLED", from_state="PROPOSED", to_state="CANCELLED", reason=replaced
                )
            self._record(
                cursor,
                proposed.id,
                "PROPOSED",
                to_state="PROPOSED",
                reason=proposed.reason,
                detail={"difference": difference},
                columns={name: getattr(proposed, name) for name in (*_IDENTITY, *columns)},
            )
            return proposed


_IDENTITY: Final = (
    "interface",
    "partner",
    "dealer",
    "environment",
    "window_start",
    "window_end",
    "zone",
    "business_date",
    "contract_version",
)


def _require_numbers(delivered: FileRow, difference: Mapping[str, Any]) -> None:
    for key, value in difference.items():
        if not DIFFERENCE_KEY.fullmatch(key) or not _is_number(value):
            raise LedgerError(
                f"{delivered.label}: the difference may hold numbers by plain names only, because events are kept for "
                f"ever and must not carry a row's values; {key!r} is not such a pair"
            )


def _is_number(value: object) -> bool:
    if isinstance(value, (bool, float)) or value is None:
        return value is None
    try:
        return Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False
