"""The sample put in its place: retail dealers, tolerances and claims in the books, the feed, files at the partner."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg2

from include.feeds import add_feed, feeds
from include.warranty.claims import COLUMNS, Loaded, load_claims, set_retail_dealer, set_tolerance
from local.sample.warranty.book import INTERFACE, SampleFile, Wave
from local.sample.warranty.files import DATE_FORMAT, ENCODING
from local.sample.warranty.plan import AGAIN, DIRECTORY, FIRST, GROUP, WarrantySample
from local.sample.warranty.workshop import DEALERS

if TYPE_CHECKING:
    from include.ledger import Ledger

CONN_ID: Final = "renault_sftp"
PATTERN: Final = r"^GAREXP_[0-9]{8}_[0-9]{4}\.csv$"


def add_payments_feed(ledger: Ledger, home: Path) -> None:
    """Add the group's feed of payment files if the ledger does not know it yet, and make its directory."""
    (home / DIRECTORY).mkdir(parents=True, exist_ok=True)
    if not feeds(ledger, interface=INTERFACE):
        add_feed(
            ledger,
            interface=INTERFACE,
            dealer=GROUP,
            directory=DIRECTORY,
            conn_id=CONN_ID,
            pattern=PATTERN,
            encoding=ENCODING,
            date_format=DATE_FORMAT,
            delete_from_server=True,
        )


def open_books(dms_dsn: str, sample: WarrantySample) -> None:
    """Say whose the retail dealer codes are and what is tolerated, and load the claims of before any file."""
    for dealer in DEALERS:
        set_retail_dealer(dms_dsn, dealer.code, dealer_code=dealer.main, dealer=dealer.name)
        # After the first payment it could not be said any more.
        if dealer.tolerance is not None and not _there(
            dms_dsn, "SELECT FROM warranty.tolerance WHERE dealer = %s", (dealer.name,)
        ):
            amount, percent = dealer.tolerance
            first = min(claim.repair_date for claim in sample.claims)
            set_tolerance(dms_dsn, dealer.name, valid_from=first, amount=amount, percent=percent)
    load(dms_dsn, sample, FIRST)
    load(dms_dsn, sample, AGAIN)


def load(dms_dsn: str, sample: WarrantySample, number: int) -> Loaded | None:
    """
    Make one load of claims, once; None if it was made before.

    What an earlier load said is not said again: it would take later submissions back.
    """
    import polars as pl

    query = "SELECT FROM warranty.submission WHERE (retail_code, claim_number, submission_number) = (%s, %s, %s)"
    if _there(dms_dsn, query, sample.mark(number)):
        return None
    return load_claims(dms_dsn, pl.DataFrame(sample.load(number), schema=dict.fromkeys(COLUMNS, pl.String)))


def drop(sample: WarrantySample, home: Path, wave: Wave) -> int:
    """
    Put the files of a wave down as the manufacturer does, oldest first; return how many.

    Once for each home: what we have removed since must not come back with the next start.
    """
    mark = home / f".dropped-payments-{wave}"
    if mark.exists():
        return 0
    files = sorted((file for file in sample.files if file.wave == wave), key=lambda file: file.mtime)
    for file in files:
        put(file, home)
    mark.touch()
    return len(files)


def put(file: SampleFile, home: Path) -> None:
    """Put a file down under its name at once, with the partner's own time."""
    target, beside = home / DIRECTORY / file.name, home / DIRECTORY / ".being-written"
    beside.write_bytes(file.content)
    os.utime(beside, (file.mtime, file.mtime))
    beside.replace(target)


def _there(dsn: str, query: str, asked: tuple[str, ...]) -> bool:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query, asked)
        return cursor.rowcount > 0
