"""What the inbound tests share: a feed, a clock, a partner to collect from, and an import that is committed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from include.archive import Archive
from include.collect import Collected, CollectLimits, Removed, collect, remove
from include.feeds import Feed, add_feed
from include.ledger import ArrivalRow, Ledger
from include.sftp import Endpoint, TransferLimits

SHORT = TransferLimits(connect_seconds=5, operation_seconds=2, stall_seconds=2)
INTERFACE = "proresponse_sales"
_dealers = itertools.count(1)


def new_feed(ledger: Ledger, directory: str, **keys: Any) -> Feed:
    """A LIVE feed of a dealer of its own."""
    given = {"pattern": r"_SL\.csv$", "conn_id": "proresponse_sftp", "delete_from_server": True, **keys}
    interface = given.pop("interface", INTERFACE)
    return add_feed(ledger, interface=interface, dealer=f"dealer_{next(_dealers)}", directory=directory, **given)


def drop(path: Path, content: bytes = b"a,b\n1,2\n", *, mtime: int | None = None) -> Path:
    """Place a file as a partner does; ``mtime`` is seconds since 1970 UTC."""
    path.write_bytes(content)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


@dataclass
class Clock:
    """Goes on only when somebody waits; ``meanwhile`` is what the world does during a wait."""

    at: datetime = datetime(2026, 3, 20, 6, 0, tzinfo=UTC)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    waited: float = 0.0

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.waited += seconds
        for act in self.meanwhile:
            act()
        self.meanwhile.clear()


@dataclass
class Partner:
    """One feed at one server, as a run meets it."""

    endpoint: Endpoint
    home: Path
    feed: Feed
    ledger: Ledger
    archive: Archive
    clock: Clock
    limits: CollectLimits = field(default_factory=lambda: CollectLimits(transfer=SHORT))

    def collect(self, *more: Feed, **keys: Any) -> Collected:
        options: dict[str, Any] = {"now": self.clock.now, "wait": self.clock.wait, "limits": self.limits, **keys}
        return collect(
            self.feed.interface,
            [self.feed, *more],
            lambda conn_id: self.endpoint,
            ledger=self.ledger,
            archive=self.archive,
            **options,
        )

    def remove(self, ids: Sequence[int] | None, *more: Feed, **keys: Any) -> Removed:
        options: dict[str, Any] = {"limits": self.limits, **keys}
        return remove(
            [self.feed, *more],
            ids,
            lambda conn_id: self.endpoint,
            ledger=self.ledger,
            archive=self.archive,
            **options,
        )

    def rows(self) -> list[ArrivalRow]:
        return sorted(
            (row for row in self.ledger.arrivals(interface=self.feed.interface) if row.feed_id == self.feed.id),
            key=lambda row: row.id,
        )

    def row(self) -> ArrivalRow:
        (only,) = self.rows()
        return only

    def states(self) -> list[tuple[str, str]]:
        return [(row.remote_name, row.state) for row in self.rows()]

    def bytes_of(self, row: ArrivalRow) -> bytes:
        assert row.sha256 is not None
        with self.archive.open(row.sha256) as source:
            return source.read()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.home.iterdir())


def apply(ledger: Ledger, arrival_id: int) -> None:
    """Say of a landed arrival that its import is committed."""
    ledger.move_arrival(arrival_id, "CHECKED", rows_read=1, rows_accepted=1, rows_rejected=0)
    ledger.move_arrival(arrival_id, "APPLIED")
