"""A real partner server, a real ledger, feeds of each test's own, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.archive import Archive
from include.feeds import Feed
from include.ledger import Ledger
from local.partners import PartnerEndpoint
from tests.collect.collecting import Clock, Partner, new_feed
from tests.publish.conftest import archive, archive_root, folder, merkle, partners, partners_root

__all__ = ["archive", "archive_root", "folder", "merkle", "partners", "partners_root"]


@pytest.fixture
def ledger(ledger_dsn: str) -> Iterator[Ledger]:
    with Ledger(ledger_dsn, actor="test:collect") as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_feed(ledger: Ledger, folder: str, merkle: PartnerEndpoint) -> Callable[..., Feed]:
    """Makes a feed on this test's own directory at the shared partner, or on a directory below it."""

    def make(*, below: str = "", make_directory: bool = True, **keys: object) -> Feed:
        directory = f"{folder}/{below}".rstrip("/")
        if make_directory:
            (merkle.home / directory).mkdir(exist_ok=True)
        return new_feed(ledger, directory, **keys)

    return make


@pytest.fixture
def partner(
    make_feed: Callable[..., Feed], merkle: PartnerEndpoint, ledger: Ledger, archive: Archive, clock: Clock
) -> Partner:
    """One feed on this test's directory, and what a run does with it."""
    feed = make_feed()
    return Partner(merkle.endpoint(), merkle.home / feed.directory, feed, ledger, archive, clock)


@pytest.fixture
def home(partner: Partner) -> Path:
    return partner.home
