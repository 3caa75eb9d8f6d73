"""How a step works on arrivals: on each alone, and so that one that breaks does not keep the next from its turn."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from include.ledger import LeaseHeldError, LeaseLostError

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import ArrivalRow, Ledger

LEASE_SECONDS = 600.0
"""How long an attempt that died keeps others from its file; a living one renews it."""
ATTEMPTS = 3
"""A file at which a step breaks so often is HELD: a person looks at it, and the others go on."""
FEED_STATES = ("LIVE", "PAUSED", "TERMINATED")
"""What has landed is imported, whatever becomes of its feed."""


def day_of(row: ArrivalRow, contract: Contract) -> date:
    """The day on which the file came, by the contract's clock; the same however late it is checked or imported."""
    return row.first_seen_at.astimezone(ZoneInfo(contract.zone)).date()


@dataclass
class Taking:
    """
    The arrivals that one call of a step works on.

    :param step: ``check`` or ``apply``, for the events; :param on_step: hears ``told`` when the ledger was told.
    """

    step: str
    ledger: Ledger
    lease_seconds: float
    log: logging.Logger
    on_step: Callable[[int, str], None]
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, row: ArrivalRow, states: Collection[str], leases: ExitStack) -> tuple[ArrivalRow, int] | None:
        """
        Return the arrival as it stands, and the token of our lease, which ends with ``leases``.

        None if another attempt works on it, or has been quicker.
        """
        try:
            token = self.ledger.take_arrival_lease(row.id, seconds=self.lease_seconds)
        except LeaseHeldError as error:
            self.log.info("%s", error)
            return None
        leases.callback(self.ledger.release_arrival_lease, row.id, token)
        row = self.ledger.arrival(row.id)
        return (row, token) if row.state in states and row.sha256 is not None else None

    def renew(self, row: ArrivalRow, token: int) -> None:
        """Keep the arrival for another while."""
        self.ledger.renew_arrival_lease(row.id, token, seconds=self.lease_seconds)

    def move(self, row: ArrivalRow, to: str, token: int, **told: Any) -> ArrivalRow | None:
        """Take the arrival to state ``to`` and count it; None if another attempt has it by now."""
        try:
            moved = self.ledger.move_arrival(row.id, to, token=token, **told)
        except LeaseLostError as error:
            self.log.info("%s", error)
            return None
        self.on_step(row.id, "told")
        self.counts[to.lower()] += 1
        if to in ("HELD", "REJECTED"):
            self.log.warning("%s: %s: %s", row.label, to, moved.reason)
        return moved

    def fail(self, row: ArrivalRow, token: int, error: Exception, said: str | None = None) -> None:
        """
        Count an attempt that broke; after some the arrival is HELD.

        :param said: what may be told of it. The message of an unknown error may quote a row, its class does not.
        """
        said = said or f"its {self.step} broke ({type(error).__name__})"
        self.counts["failed"] += 1
        self.log.error("%s: %s", row.label, said)
        told = {"step": self.step, "error": type(error).__name__}
        try:
            self.ledger.note_arrival(row.id, "ATTEMPT_FAILED", told, token=token)
        except LeaseLostError as lost:
            self.log.info("%s", lost)
            return
        if self.ledger.arrival(row.id).attempts >= ATTEMPTS:
            reason = f"{said}, {ATTEMPTS} times. Next: have the cause mended, then release it, or reject it"
            self.move(row, "HELD", token, reason=reason)
