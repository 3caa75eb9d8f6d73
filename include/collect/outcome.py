"""What a call may take, and what it tells about what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from include.sftp import Endpoint, ListingLimits, TransferLimits

EndpointFor = Callable[[str], Endpoint]
"""From a feed's connection id to the endpoint; called once per connection."""
OnStep = Callable[[int, str], None]
"""Hears ``before_<step>`` and ``after_<step>`` with the arrival's id."""


def unheard(arrival_id: int, step: str) -> None:
    """Nobody listens to the steps."""


@dataclass(frozen=True)
class CollectLimits:
    """How much one call takes. A feed beyond a limit waits or fails alone; the next is served all the same."""

    listing: ListingLimits = field(default_factory=ListingLimits)
    transfer: TransferLimits = field(default_factory=TransferLimits)
    file_bytes: int = 2 * 1024**3
    """A longer file is rejected: TOO_LARGE."""
    files: int = 500
    """Files landed per feed and call; the rest stays for the next call, oldest sighting first."""
    new_names: int = 5_000
    """Names of one listing that the ledger has not seen and takes note of in one call."""
    attempts: int = 5
    """A file that failed so often by itself is HELD: a person looks at it, and it disturbs nobody any more."""
    reconnects: int = 3
    """New connections to a partner after one that broke, per call."""
    lease_seconds: float = 120.0
    """How long a dead attempt keeps others from its file."""
    rehash_bytes: int = 64 * 1024**2
    """Up to this size a file is read again before it is removed; beyond, size and time decide."""


@dataclass(frozen=True)
class Failure:
    """One thing that did not work: a feed's listing (``arrival_id`` is None) or one file."""

    feed_id: int
    dealer: str
    arrival_id: int | None
    code: str
    message: str
    transient: bool
    """Another call may well succeed without anybody doing anything."""


@dataclass(frozen=True)
class Collected:
    """
    What one call of ``collect`` brought.

    ``arrival_ids`` are the arrivals that now wait to be checked, oldest first: what was landed here, and what an
    earlier call landed and nobody has taken up. ``counts`` says what happened, by the words of
    docs/collect-protocol.md. ``failures`` are complete: a call raises for none of them.
    """

    arrival_ids: tuple[int, ...]
    counts: Counter[str]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Removed:
    """What one call of ``remove`` did: ``counts`` by outcome, and what did not work."""

    counts: Counter[str]
    failures: tuple[Failure, ...]
