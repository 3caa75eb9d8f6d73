"""The sample put in its place: feeds in the ledger, contacts in the CRM, files in the partner's home."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extras import execute_values

from include.feeds import add_feed, feeds

if TYPE_CHECKING:
    from include.ledger import Ledger
    from local.sample.proresponse.book import SampleFile, Wave
    from local.sample.proresponse.plan import ProresponseSample
    from local.sample.proresponse.who import Standing

CONN_ID = "proresponse_sftp"
WHO = "sample: the dealer's staff"


def add_feeds(ledger: Ledger, sample: ProresponseSample, home: Path) -> None:
    """Add the dealers' feeds that the ledger does not know yet, and make their directories at the partner."""
    known = {(feed.interface, feed.dealer) for feed in feeds(ledger)}
    for plan in sample.feeds:
        (home / plan.directory).mkdir(parents=True, exist_ok=True)
        if (plan.interface, plan.dealer) not in known:
            add_feed(
                ledger,
                interface=plan.interface,
                dealer=plan.dealer,
                directory=plan.directory,
                conn_id=CONN_ID,
                pattern=plan.pattern,
                encoding=plan.encoding,
                date_format=plan.date_format,
                delete_from_server=plan.removes,
            )


def enter_contacts(dms_dsn: str, sample: ProresponseSample) -> None:
    """Enter the contacts and own addresses that stood in the CRM before any file came; once."""
    with closing(psycopg2.connect(dms_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM crm.contact WHERE created_by = %s)", (WHO,))
        if cursor.fetchone() == (True,):
            return
        own = [(each.dealer, each.kind, each.value) for each in sample.own]
        execute_values(
            cursor, "INSERT INTO crm.own_address (dealer, kind, value) VALUES %s ON CONFLICT DO NOTHING", own
        )
        for standing in sample.standing:
            _enter(cursor, standing)


def _enter(cursor: psycopg2.extensions.cursor, standing: Standing) -> None:
    """Enter one contact as a CRM has it: names as given, and the forms in which they are compared."""
    import polars as pl

    from include.crm.activities import PERSON
    from include.crm.people import new_contact
    from include.matching.keys import OwnAddresses

    person = standing.person
    given = (
        person.number, person.first, person.last, person.company, person.email, person.home, person.cell,
        person.address, person.city, person.state, person.postal_code,
    )  # fmt: skip
    row = {"row": 1, **{name: text or None for name, text in zip(PERSON, given, strict=True)}}
    schema = {"row": pl.Int64, **dict.fromkeys(PERSON, pl.String)}
    told, points = new_contact(pl.DataFrame([row], schema=schema), OwnAddresses())
    told = {name: value for name, value in told.items() if name != "person"}
    names = ", ".join(told)
    cursor.execute(
        f"INSERT INTO crm.contact (dealer, created_by, {names}) "  # noqa: S608 - names of our own columns
        f"VALUES (%s, %s, {', '.join(['%s'] * len(told))}) RETURNING contact_id",
        (standing.dealer, WHO, *told.values()),
    )
    [(contact_id,)] = cursor.fetchall()
    found = [(contact_id, point["kind"], point["normalised"], point["as_given"]) for point in points]
    if standing.second_email:
        found.append((contact_id, "SECOND_EMAIL", standing.second_email, standing.second_email))
    if found:
        execute_values(
            cursor, "INSERT INTO crm.contact_point (contact_id, kind, normalised, as_given) VALUES %s", found
        )


def drop(sample: ProresponseSample, home: Path, wave: Wave) -> int:
    """
    Put the files of a wave down as the partner does, oldest first; return how many.

    Once for each home: what we have removed since must not come back with the next start.
    """
    mark = home / f".dropped-{wave}"
    if mark.exists():
        return 0
    files = sorted((file for file in sample.files if file.wave == wave), key=lambda file: file.mtime)
    put(files, home)
    mark.touch()
    return len(files)


def put(files: Iterable[SampleFile], home: Path) -> None:
    """Put these files down, each under its name at once and with the partner's own time."""
    for file in files:
        folder = home / file.feed.directory
        # A name that is no text becomes a path as Python has them; the bytes on the disk are the same.
        target, beside = folder / os.fsdecode(file.name), folder / ".being-written"
        if file.link_to is not None:
            target.symlink_to(file.link_to)
            continue
        beside.write_bytes(file.content)
        os.utime(beside, (file.mtime, file.mtime))
        beside.replace(target)
