"""Metrics and lineage go out from here: the heartbeat is the one process of ours that lives long enough for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.models.connection import Connection

from include.telemetry import Places, Telemetry
from plugins.connections import dsn_of

if TYPE_CHECKING:
    from include.ledger import Ledger

LOG = logging.getLogger(__name__)
BATCH_EVENTS = 500
MOST_BATCHES = 20
"""A look that told ten thousand events goes on with the next one: files that are late come first."""


def begin(*, from_start: bool = False) -> Telemetry:
    """
    Switch on what the environment asks for; docs/observability.md lists it.

    :param from_start: what never told anything begins with the ledger's first event, not behind its last.
    """
    try:
        dsn = dsn_of(Connection.get_connection_from_secrets("dms"))
    except Exception as error:
        LOG.warning("there is no usable connection dms (%s); lineage says postgres://dms", type(error).__name__)
        return Telemetry.from_environment(from_start=from_start, places=Places(host_of=_host_of))
    return Telemetry.from_environment(from_start=from_start, places=Places.of_dsn(dsn, host_of=_host_of))


def follow(telemetry: Telemetry, ledger: Ledger) -> int:
    """
    Tell what happened since the last look; returns how many events that were.

    :raises LedgerError: if the ledger does not answer.
    """
    told = 0
    for _ in range(MOST_BATCHES):
        batch = telemetry.follow(ledger, limit=BATCH_EVENTS)
        told += batch
        if batch < BATCH_EVENTS:
            break
    return told


def _host_of(conn_id: str) -> str | None:
    """Host and port of a partner's connection, never its login."""
    try:
        found = Connection.get_connection_from_secrets(conn_id)
    except Exception as error:
        LOG.warning("there is no connection %s (%s); lineage names the partner instead", conn_id, type(error).__name__)
        return None
    return f"{found.host}:{found.port}" if found.port else found.host
