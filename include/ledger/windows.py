"""The windows of one dealer in a row: where the last one ended, which one covers a period, which ones still wait."""

from __future__ import annotations

from datetime import datetime

from include.ledger.rows import FileRow, row_of
from include.ledger.session import Session
from include.ledger.states import NOT_LIVE


class Windows(Session):
    """Questions about a dealer's files by their windows; instants are aware and half-open, ``[start, end)``."""

    def window_before(self, interface: str, dealer: str, environment: str, before: datetime) -> FileRow | None:
        """
        Return the dealer's file whose window ends last, at ``before`` or earlier; the revision that speaks for it.

        One that was given up or is withheld does not count: nothing of its window has gone or will go by itself.
        """
        found = self._found(
            """
            SELECT * FROM ledger.file
            WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
                AND window_end <= %(before)s AND state <> ALL (%(passed_over)s)
            ORDER BY window_end DESC, revision DESC LIMIT 1
            """,
            interface=interface,
            dealer=dealer,
            environment=environment,
            before=before,
            passed_over=[*sorted(NOT_LIVE), "WITHHELD"],
        )
        return found[0] if found else None

    def window_covering(
        self, interface: str, dealer: str, environment: str, start: datetime, end: datetime
    ) -> FileRow | None:
        """
        Return the dealer's file whose window contains ``[start, end)``; the revision that speaks for it.

        A withheld one counts, since it stands for its window; where another covers the period too, that one is it.
        """
        found = self._found(
            """
            SELECT * FROM ledger.file
            WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
                AND window_start <= %(start)s AND window_end >= %(end)s AND state <> ALL (%(passed_over)s)
            ORDER BY state = 'WITHHELD', window_start DESC, window_end, revision DESC LIMIT 1
            """,
            interface=interface,
            dealer=dealer,
            environment=environment,
            start=start,
            end=end,
            passed_over=sorted(NOT_LIVE),
        )
        return found[0] if found else None

    def waiting_before(self, interface: str, dealer: str, environment: str, window_start: datetime) -> list[FileRow]:
        """
        Return the dealer's files of windows that begin before ``window_start`` and that the partner has not got.

        Oldest first. Not those that were given up or are withheld, which wait for nothing that a run does; and not a
        redelivery, since the partner has had it since the first time.
        """
        return self._found(
            """
            SELECT * FROM ledger.file
            WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
                AND window_start < %(window_start)s AND published_at IS NULL AND state <> ALL (%(passed_over)s)
            ORDER BY window_start, window_end, revision
            """,
            interface=interface,
            dealer=dealer,
            environment=environment,
            window_start=window_start,
            passed_over=[*sorted(NOT_LIVE), "WITHHELD"],
        )

    def _found(self, query: str, **asked: object) -> list[FileRow]:
        with self.transaction() as cursor:
            cursor.execute(query, asked)
            return [row_of(FileRow, found) for found in cursor.fetchall()]
