"""What can go wrong with the ledger, each error a letter to the person on call."""

from __future__ import annotations

from datetime import datetime


class LedgerError(Exception):
    """The ledger refuses or cannot do something; the message says what and what to do next."""


class LedgerUnavailableError(LedgerError):
    """
    The database cannot be reached, or the connection broke; worth trying again.

    A connection that breaks during a commit leaves open whether the commit happened: read the row again before you
    repeat anything that has an effect outside the ledger.
    """


class SchemaVersionError(LedgerError):
    """The database's schema is older or newer than this checkout expects."""


class TransitionError(LedgerError):
    """A file cannot go from its state to the one asked for."""


class WindowMovedError(LedgerError):
    """The period is asked for by another clock than the file that stands for it (``file_id``): it would go twice."""

    def __init__(self, message: str, *, file_id: int) -> None:
        super().__init__(message)
        self.file_id = file_id


class LeaseHeldError(LedgerError):
    """Another attempt works on the file: ``holder`` until ``expires_at`` (UTC, the database's clock)."""

    def __init__(self, message: str, *, holder: str, expires_at: datetime) -> None:
        super().__init__(message)
        self.holder = holder
        self.expires_at = expires_at


class LeaseLostError(LedgerError):
    """Our lease has ended, or a newer attempt has taken over: stop before the next effect."""


class BatchReplacedError(LedgerError):
    """A later run has planned the same window since; what this one made of it is out of date, and not needed."""
