"""
Hands OpenLineage events over, in the order of the ledger's; what was not taken waits for the next call.

The only module, with ``run_events``, that imports the OpenLineage client: it is imported where somebody wants it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from openlineage.client import OpenLineageClient
from openlineage.client.transport.http import HttpTransport
from openlineage.client.transport.http_common import DEFAULT_RETRY_CONFIG
from openlineage.client.transport.noop import NoopConfig, NoopTransport
from requests import HTTPError

from include.telemetry.metrics import contract_of
from include.telemetry.outage import Outage, host_of_url
from include.telemetry.run_events import run_events

if TYPE_CHECKING:
    from include.ledger import Happening, Ledger
    from include.telemetry.datasets import Places

LOG: Final = logging.getLogger(__name__)
POSITION: Final = "telemetry_lineage"
# The collector has read the event and will not have it, however often it is sent.
REFUSED: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)


def client_of(given: Mapping[str, str]) -> OpenLineageClient | None:
    """
    Return the client as its own variables and files configure it; None if they name no transport.

    Left to itself the client would print events to the console then.
    """
    configured = OpenLineageClient(transport=NoopTransport(NoopConfig())).config.transport
    if not ((configured and configured.get("type")) or given.get("OPENLINEAGE_URL")):
        return None
    client = OpenLineageClient()
    if isinstance(client.transport, HttpTransport) and client.transport.config.retry is DEFAULT_RETRY_CONFIG:
        # We come again by ourselves; its own five attempts would keep the process waiting at each call. And an answer
        # that it would try again comes out as what it is.
        once = {"total": 0, "connect": 0, "read": 0, "status_forcelist": ()}
        client.transport.config.retry = {**DEFAULT_RETRY_CONFIG, **once}
    return client


class LineageReader:
    """Emits what follows its position, which moves only over events that were taken."""

    def __init__(self, client: OpenLineageClient, namespace: str, places: Places, *, from_start: bool = False) -> None:
        """``namespace`` is that of the jobs."""
        self._client = client
        self._namespace = namespace
        self._places = places
        self._from_start = from_start
        self._position: int | None = None
        url = client.transport.url if isinstance(client.transport, HttpTransport) else ""
        self._outage = Outage(
            "OpenLineage events", host_of_url(url) if url else f"the transport {client.transport.kind}"
        )

    def follow(self, ledger: Ledger, *, limit: int) -> int:
        """Emit what the next events tell of; return how many of them are done with."""
        if self._position is None:
            self._position = ledger.begin_position(POSITION, from_start=self._from_start)
        found = ledger.events_after(self._position, limit=limit)
        done = 0
        for happening in found:
            if not self._emit(happening, ledger):
                break
            done += 1
        if done:
            self._position = ledger.move_position(POSITION, found[done - 1].id)
        return done

    def close(self, ledger: Ledger | None) -> None:
        """Close the transport; the position is kept with each call already."""
        try:
            self._client.close(timeout=5.0)
        except Exception as error:
            LOG.warning("telemetry: the OpenLineage transport did not close: %s", type(error).__name__)

    def _emit(self, happening: Happening, ledger: Ledger) -> bool:
        """Return False if the collector does not answer; an event that it refuses for good is told of and left out."""
        subject = happening.file or happening.arrival
        if subject is None or happening.to_state is None or (contract := contract_of(subject.interface)) is None:
            return True
        for event in run_events(happening, contract, ledger, namespace=self._namespace, places=self._places):
            try:
                self._client.emit(event)
            except HTTPError as error:
                status = error.response.status_code if error.response is not None else None
                if status not in REFUSED:
                    self._outage.failed(f"HTTP {status}")
                    return False
                LOG.warning(
                    "telemetry: %s refuses the OpenLineage %s of %s (HTTP %s); it is left out, and the next ones "
                    "follow. The collector's own log says what it dislikes",
                    self._outage.place,
                    event.eventType.value if event.eventType else "event",
                    # Not its label, which may repeat the name of a file.
                    f"{'file' if happening.file else 'arrival'} {subject.id} of {subject.interface}",
                    status,
                    extra={
                        "telemetry": "OpenLineage events",
                        "collector": self._outage.place,
                        "error": f"HTTP {status}",
                    },
                )
            except Exception as error:
                # Each transport has errors of its own, and none of them is to end the process that follows the ledger.
                self._outage.failed(type(error).__name__)
                return False
            else:
                self._outage.succeeded()
        return True
