"""
What the ledger hands out about what comes in: feeds, listed entries, arrivals.

All instants are aware UTC datetimes, sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FeedState = Literal["LIVE", "PAUSED", "TERMINATED"]


@dataclass(frozen=True)
class InboundFeedRow:
    """
    One dealer's files of one interface: where they lie, how they are named and written, and whether they are taken.

    ``reason`` is why it is paused or terminated, or was resumed; ``changed_at`` and ``changed_by`` say when its state
    began and who did it. All other settings are those it was added with.
    """

    id: int
    interface: str
    dealer: str
    directory: str
    pattern: str
    conn_id: str
    encoding: str
    date_format: str
    delete_from_server: bool
    state: FeedState
    reason: str | None
    changed_at: datetime
    changed_by: str
    created_at: datetime

    @property
    def label(self) -> str:
        """Name of the feed for an error message."""
        return f"feed {self.id} ({self.interface}, dealer {self.dealer})"


@dataclass(frozen=True)
class SeenEntry:
    """
    One entry of a listing that is the feed's.

    ``remote_name`` is a label: a sound name as it is, any other escaped by whoever listed it. With ``reject_code`` (and
    then ``reason``) the entry is not to be read at all.
    """

    remote_name: str
    size: int | None
    mtime: datetime | None
    reject_code: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ArrivalRow:
    """
    One file that was seen at a partner, with its fate.

    ``size`` and ``mtime`` are as listed, ``bytes`` is what was read. ``version`` counts the contents that came under
    this name. ``duplicate_of`` is the arrival that brought the same content first. ``attempts`` are those that failed
    since the state began. The three row counts are of the last check: read = accepted + rejected. ``purged_at``: when
    retention let go of its bytes.
    """

    id: int
    feed_id: int
    interface: str
    dealer: str
    directory: str
    remote_name: str
    size: int | None
    mtime: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    seen_count: int
    state: str
    reason: str | None
    reject_code: str | None
    sha256: str | None
    bytes: int | None
    landed_at: datetime | None
    version: int | None
    duplicate_of: int | None
    rows_read: int | None
    rows_accepted: int | None
    rows_rejected: int | None
    applied_at: datetime | None
    settled_at: datetime | None
    purged_at: datetime | None
    attempts: int
    run_id: str | None
    lease_token: int | None
    lease_holder: str | None
    lease_until: datetime | None

    @property
    def label(self) -> str:
        """Name of the arrival for an error message."""
        return f"arrival {self.id} ({self.interface}, dealer {self.dealer}, {self.remote_name})"
