"""What a long-lived process calls every few seconds: reads on in the ledger and hands over what it finds."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from include.ledger.following import BATCH_EVENTS
from include.telemetry.datasets import Places

if TYPE_CHECKING:
    from include.ledger import Ledger

LOG: Final = logging.getLogger(__name__)
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
BY_DEALER: Final = "TELEMETRY_BY_DEALER"


class Reader(Protocol):
    """One kind of telemetry, with a position of its own in the ledger."""

    def follow(self, ledger: Ledger, *, limit: int) -> int:
        """Handle at most ``limit`` events; return how many it is done with."""
        ...

    def close(self, ledger: Ledger | None) -> None:
        """Hand over what can be handed over now."""
        ...


class Telemetry:
    """
    All telemetry that is switched on; with none it does nothing.

    One thread calls it. A collector that does not answer is told of once, raises nothing, and is tried again at the
    next call; errors of the ledger come out.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        """Use :meth:`from_environment`."""
        self.readers = tuple(readers)

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        from_start: bool = False,
        places: Places | None = None,
    ) -> Self:
        """
        Switch on what the standard variables of OpenTelemetry and OpenLineage ask for; one line of the log says what.

        The libraries read the variables of the process by themselves; ``environment`` only decides what is on.

        :param from_start: a reader that never began begins with the ledger's first event, not behind its last.
        :param places: where the DMS and the partners are, as datasets of OpenLineage name them.
        """
        given = os.environ if environment is None else environment
        readers: list[Reader] = []
        told = []
        off = _why_no_metrics(given)
        if off is None:
            from include.telemetry.collector import Collector
            from include.telemetry.metrics import MetricsReader

            by_dealer = given.get(BY_DEALER, "").strip().lower() in ("1", "true", "yes")
            endpoint = next(given[name] for name in ENDPOINTS if given.get(name, "").strip())
            collector = Collector(endpoint, by_dealer=by_dealer)
            readers.append(MetricsReader(collector, by_dealer=by_dealer, from_start=from_start))
            told.append(f"metrics go to {collector.place}")
        else:
            told.append(f"no metrics ({off})")
        off = _why_no_lineage(given)
        if off is None:
            from include.telemetry.lineage import LineageReader, client_of

            client = client_of(given)
            if client is not None:
                namespace = given.get("OPENLINEAGE_NAMESPACE") or "dealer-exchange"
                readers.append(LineageReader(client, namespace, places or Places(), from_start=from_start))
                told.append(f"OpenLineage events go out by {client.transport.kind}")
            else:
                off = "no transport is configured"
        if off is not None:
            told.append(f"no OpenLineage events ({off})")
        LOG.info("telemetry: %s", "; ".join(told))
        return cls(readers)

    def follow(self, ledger: Ledger, *, limit: int = BATCH_EVENTS) -> int:
        """
        Read on, at most ``limit`` events; return how many the reader that came furthest is done with.

        A number equal to ``limit`` says that more may wait.

        :raises LedgerError: if the ledger does not answer; the next call goes on where this one stopped.
        """
        return max((reader.follow(ledger, limit=limit) for reader in self.readers), default=0)

    def close(self, ledger: Ledger | None = None) -> None:
        """
        Hand over what is counted and not yet exported, for at most five seconds, and end.

        :param ledger: where the position is kept of what went out just now; without it the next process tells it again.
        """
        for reader in self.readers:
            reader.close(ledger)


def _why_no_metrics(given: Mapping[str, str]) -> str | None:
    if given.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "OTEL_SDK_DISABLED is true"
    if not any(given.get(name, "").strip() for name in ENDPOINTS):
        return "OTEL_EXPORTER_OTLP_ENDPOINT is not set"
    exporters = given.get("OTEL_METRICS_EXPORTER", "").strip().lower()
    if exporters not in ("", "otlp"):
        return f"OTEL_METRICS_EXPORTER is {exporters}, and only otlp is known here"
    protocol = next((given[name].strip() for name in PROTOCOLS if given.get(name, "").strip()), "http/protobuf")
    if protocol != "http/protobuf":
        return f"the protocol asked for is {protocol}, and only http/protobuf is known here"
    return None


def _why_no_lineage(given: Mapping[str, str]) -> str | None:
    """Answer without the client, which is not to be imported where nobody wants it."""
    if given.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return "OPENLINEAGE_DISABLED is true"
    asked = any(name.startswith("OPENLINEAGE__TRANSPORT") for name in given)
    files = (Path.cwd() / "openlineage.yml", Path.home() / ".openlineage" / "openlineage.yml")
    if not (asked or given.get("OPENLINEAGE_URL") or given.get("OPENLINEAGE_CONFIG")) and not any(
        path.is_file() for path in files
    ):
        return "no transport is configured"
    return None
