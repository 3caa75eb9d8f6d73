"""Sequence numbers that a receiver does not see: each one is explained by a row, or something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from include.ledger.rows import row_of
from include.ledger.session import Session


@dataclass(frozen=True)
class SequenceGap:
    """
    A number of (partner, interface, dealer, environment) whose file the partner has not got.

    ``file_id`` and what follows it are None if no file has the number: then the record itself is not whole.
    """

    partner: str
    interface: str
    dealer: str
    environment: str
    number: int
    file_id: int | None
    business_date: date | None
    state: str | None
    reason: str | None

    def __str__(self) -> str:
        what = f"{self.interface}, dealer {self.dealer}, {self.environment}: number {self.number}"
        if self.file_id is None:
            return f"{what} was given out and no file has it"
        why = f": {self.reason}" if self.reason else ""
        return f"{what} (file {self.file_id}, {self.business_date}) is {self.state}{why}"


class Sequences(Session):
    """Reading what became of the numbers that were given out."""

    def sequence_gaps(self) -> list[SequenceGap]:
        """
        Return the numbers given out whose files were never published, in order, and those that no file has.

        A preview's number is never seen by a partner, so only one without a file is a gap there.
        """
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT given.partner, given.interface, given.dealer, given.environment, number, file.id AS file_id,
                    file.business_date, file.state, file.reason
                FROM ledger.sequence AS given
                CROSS JOIN LATERAL generate_series(1, given.last_number) AS number
                LEFT JOIN ledger.file ON file.partner = given.partner AND file.interface = given.interface
                    AND file.dealer = given.dealer AND file.environment = given.environment
                    AND file.sequence = number
                WHERE file.id IS NULL OR (file.published_at IS NULL AND file.environment <> 'preview')
                ORDER BY given.partner, given.interface, given.dealer, given.environment, number
                """
            )
            return [row_of(SequenceGap, found) for found in cursor.fetchall()]
