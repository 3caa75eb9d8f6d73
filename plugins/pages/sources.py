"""Where pages read from: the connections and storage that the DAGs use, as the API server knows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.models.connection import Connection
from airflow.models.variable import Variable
from fastapi import HTTPException

from include.archive import Archive
from include.ledger import Ledger, LedgerError
from plugins.connections import dsn_of, storage


def database(conn_id: str) -> str:
    """
    Return the libpq string of a connection.

    :raises HTTPException: 503 if there is none; the message names it.
    """
    try:
        return dsn_of(Connection.get_connection_from_secrets(conn_id))
    except Exception as error:
        raise HTTPException(
            503, f"There is no usable connection {conn_id!r} ({type(error).__name__}); see Admin, Connections."
        ) from error


@contextmanager
def ledger(who: str) -> Iterator[Ledger]:
    """
    Yield the ledger; its events name the person.

    :raises HTTPException: 503 if it does not answer.
    """
    try:
        with Ledger(database("ledger"), actor=f"person:{who}") as opened:
            opened.check_schema()
            yield opened
    except LedgerError as error:
        raise HTTPException(503, str(error)) from error


def archive() -> Archive:
    """
    Return the archive of the files' bytes.

    :raises HTTPException: 503 if the variable names none.
    """
    url = Variable.get("archive_url", default_var="")
    if "://" not in url:
        raise HTTPException(503, "The variable archive_url names no place; see Admin, Variables.")
    return Archive(*storage(url))


def reports_folder() -> str:
    """
    Return the folder of the quality reports.

    :raises HTTPException: 503 if the variable is none of a folder that this process sees.
    """
    url = Variable.get("reports_url", default_var="")
    if not url.startswith("file://"):
        raise HTTPException(503, "The variable reports_url names no folder; see Admin, Variables.")
    return str(url.removeprefix("file://"))
