"""
The OpenTelemetry side of metrics: counted in this process, exported by OTLP (http/protobuf) in a thread of its own.

Not the SDK's periodic reader, because that one says to nobody whether an export succeeded. Here a position is kept only
of what a collector has taken: events that were counted in a process that died before its next export are counted again
by the next process. Sums are cumulative whatever OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE says, since a
difference that nobody took would be lost.
"""

from __future__ import annotations

import logging
import os
from threading import Event, Thread
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from include.telemetry.outage import Outage, host_of_url

LOG: Final = logging.getLogger(__name__)
SERVICE: Final = "dealer-exchange"
# Attribute sets of one instrument; the SDK counts what is beyond as one "overflow".
SETS: Final = 2_000
SETS_BY_DEALER: Final = 50_000
INTERVAL_MILLISECONDS: Final = 60_000.0
CLOSE_SECONDS: Final = 5.0
EXPORTER_LOG: Final = "opentelemetry.exporter.otlp.proto.http.metric_exporter"


class Collector:
    """
    Where metrics go. ``place`` is its host.

    Whoever counts sets ``counted_to`` to the last event after it was counted; ``taken`` is the last event of which
    the collector has what was counted.
    """

    def __init__(self, endpoint: str, *, by_dealer: bool = False) -> None:
        """
        Start to export every OTEL_METRIC_EXPORT_INTERVAL milliseconds (60 000).

        :param endpoint: the URL in the environment, only to be told; the exporter reads address, headers, timeout,
            compression and certificates there itself.
        """
        self.place = host_of_url(endpoint)
        self.counted_to = 0
        self.taken = 0
        self._outage = Outage("metrics", self.place)
        self._last_word = _LastWord()
        logging.getLogger(EXPORTER_LOG).addFilter(self._last_word)
        sets = SETS_BY_DEALER if by_dealer else SETS
        self._reader = InMemoryMetricReader(cardinality_limits={Counter: sets, Histogram: sets})
        self._exporter = OTLPMetricExporter()
        # Left alone when it is in the environment: what code gives goes before what the environment says.
        named = os.environ.get("OTEL_SERVICE_NAME") or SERVICE_NAME in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        self._provider = MeterProvider(
            metric_readers=[self._reader],
            resource=Resource.create({} if named else {SERVICE_NAME: SERVICE}),
            shutdown_on_exit=False,
        )
        self.meter = self._provider.get_meter("include.telemetry")
        self._ending = Event()
        self._thread = Thread(target=self._run, args=(_interval_seconds(),), name="telemetry-export", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Export once more, for at most some seconds, and end the thread."""
        self._ending.set()
        self._thread.join(CLOSE_SECONDS)
        # Wakes a thread that still waits for its next attempt.
        self._exporter.shutdown()
        self._thread.join(CLOSE_SECONDS)
        self._provider.shutdown()
        logging.getLogger(EXPORTER_LOG).removeFilter(self._last_word)

    def _run(self, seconds: float) -> None:
        while not self._ending.wait(seconds):
            self._export()
        self._export()

    def _export(self) -> None:
        try:
            # Before the collection: what is counted while it goes on may be in it or not, and is told again.
            counted_to = self.counted_to
            found = self._reader.get_metrics_data()
            if found is None or not found.resource_metrics:
                return
            succeeded = self._exporter.export(found) is MetricExportResult.SUCCESS
        except Exception as error:
            self._outage.failed(type(error).__name__)
            return
        if succeeded:
            self._outage.succeeded()
            self.taken = max(self.taken, counted_to)
        else:
            self._outage.failed(self._last_word.why)


class _LastWord(logging.Filter):
    """Keeps back what the exporter logs at each attempt, and remembers why the last one failed."""

    why = "no answer"

    def filter(self, record: logging.LogRecord) -> bool:
        for said in record.args if isinstance(record.args, tuple) else ():
            # The text of an error may repeat a URL with what it holds; its class says enough.
            if isinstance(said, Exception):
                self.why = type(said).__name__
            elif isinstance(said, int) and not isinstance(said, bool):
                self.why = f"HTTP {said}"
        return False


def _interval_seconds() -> float:
    given = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip()
    try:
        milliseconds = float(given) if given else INTERVAL_MILLISECONDS
    except ValueError:
        milliseconds = 0.0
    if not 0 < milliseconds < float("inf"):
        LOG.warning("telemetry: OTEL_METRIC_EXPORT_INTERVAL=%r is no number of milliseconds; 60000 is used", given)
        milliseconds = INTERVAL_MILLISECONDS
    return milliseconds / 1e3
