"""One transaction against the DMS database; what goes wrong there is told without the values of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import psycopg2
from psycopg2.extensions import cursor

from include.crm.arrival import CrmError, CrmUnavailableError

LOCK_SECONDS: Final = 600
"""How long an import waits for another of the same dealer."""
RAISED: Final = "P0001"
PASSING: Final = ("08", "40", "53", "57", "55P03")
"""SQLSTATE classes that say nothing about the rows: line, conflict, resources, an operator's hand, a lock not had."""
_SETTINGS: Final = (
    # Who waited for the dealer's lock must see what its holder wrote, whatever the database's own setting is.
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; "
    # Written into hashes: the same everywhere, whatever the server's settings are.
    "SET LOCAL datestyle TO 'ISO, YMD'; SET LOCAL client_encoding TO 'UTF8'; SET LOCAL jit TO off; "
    f"SET LOCAL work_mem TO '64MB'; SET LOCAL lock_timeout TO '{LOCK_SECONDS}s'"
)


@contextmanager
def transaction(dsn: str, doing: str) -> Iterator[cursor]:
    """
    Yield a cursor; all of it is committed when the block ends, nothing of it if the block raises.

    :param doing: what is being done, for the message, e.g. ``import of arrival 7``.
    :raises CrmUnavailableError: if the database did not answer, or is busy with another.
    :raises CrmError: for whatever else the database says. PostgreSQL quotes rows in its messages, so only its code, the
        constraint and the table are taken over; messages that our own triggers raise name numbers only and are kept.
    """
    committing = False
    try:
        # Closing a connection takes back what was not committed.
        with closing(psycopg2.connect(dsn, application_name="crm")) as connection:
            with connection.cursor() as cur:
                cur.execute(_SETTINGS)
                yield cur
            committing = True
            connection.commit()
    except psycopg2.Error as error:
        if committing and error.pgcode is None:
            raise CrmUnavailableError(
                f"{doing}: the database went away while it was being committed, so it may be written or not. Look "
                "whether it is there before you do it again; an import that is run again finds out by itself"
            ) from None
        if error.pgcode is None:
            passing = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
        else:
            passing = error.pgcode.startswith(PASSING)
        raise (CrmUnavailableError if passing else CrmError)(f"{doing}: nothing was written: {_told(error)}") from None


def _told(error: psycopg2.Error) -> str:
    diagnosis = error.diag
    if error.pgcode == RAISED and diagnosis.message_primary:
        return diagnosis.message_primary
    if error.pgcode is None:
        return (
            f"the database cannot be reached, or went away ({type(error).__name__}). Check that it runs and that "
            "DMS_DSN names it, then run this again"
        )
    place = " ".join(
        f"{what} {name}"
        for what, name in (
            ("constraint", diagnosis.constraint_name),
            ("of table", diagnosis.table_name),
            ("column", diagnosis.column_name),
        )
        if name
    )
    return (
        f"PostgreSQL refused it (code {error.pgcode}, {type(error).__name__}{', ' + place if place else ''}). Look the "
        "code up in PostgreSQL's list of error codes; after the cause is mended this can be run again"
    )
