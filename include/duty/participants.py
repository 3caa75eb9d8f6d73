"""Who takes part in an interface's period, as the DMS says; asked for a page or a look around, so never for long."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg2

if TYPE_CHECKING:
    from include.contract import Contract
    from include.outbound.dealers import Dealer
    from include.window import Window

LOG = logging.getLogger(__name__)
STATEMENT_MILLISECONDS = 5000
CONNECT_SECONDS = 3


def participants(dms_dsn: str, contract: Contract, window: Window) -> tuple[list[Dealer], str | None]:
    """Return the dealers of an outbound interface in ``window``; and why they are not known, if they cannot be."""
    from include.outbound.dealers import ExtractError, read_dealers

    try:
        with closing(psycopg2.connect(dms_dsn, connect_timeout=CONNECT_SECONDS)) as connection:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = %s", [STATEMENT_MILLISECONDS])
            return read_dealers(connection, contract, window), None
    except psycopg2.Error as error:
        LOG.warning("%s: the DMS cannot be asked for its dealers: %s", contract.id, type(error).__name__)
        return [], "the DMS cannot be asked who takes part; dealers without any file are not shown"
    except ExtractError as error:
        return [], str(error)
