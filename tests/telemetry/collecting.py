"""What collectors hear: OTLP over HTTP decoded to points, OpenLineage events read back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class Told:
    """The last export of one process: sums and histograms by name and attributes, and what described them."""

    sums: dict[Key, int] = field(default_factory=dict)
    histograms: dict[Key, tuple[int, float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    resource: dict[str, str] = field(default_factory=dict)
    cumulative: bool = True

    def sum(self, name: str, **attributes: str) -> int:
        """Total of a counter over all points that have these attributes; ``_`` stands for the dot."""
        return sum(value for key, value in self.sums.items() if _has(key, name, attributes))

    def observed(self, name: str, **attributes: str) -> tuple[int, float]:
        """Number and total of what a histogram has seen with these attributes."""
        found = [value for key, value in self.histograms.items() if _has(key, name, attributes)]
        return sum(count for count, _ in found), sum(total for _, total in found)

    @property
    def attributes(self) -> set[str]:
        return {name for _, pairs in (*self.sums, *self.histograms) for name, _ in pairs}


class CollectorServer:
    """
    Answers ``/v1/metrics`` as an OpenTelemetry collector and ``/api/v1/lineage`` as one of OpenLineage.

    ``status`` is what it answers; ``bodies`` are all requests as they came, also those that it refused.
    """

    def __init__(self) -> None:
        self.status = 200
        self.refuses: Callable[[bytes], bool] = lambda body: False
        self.told: list[Told] = []
        self.events: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.bodies.append(body)
                status = 422 if outer.refuses(body) else outer.status
                if status == 200 and self.path == "/v1/metrics":
                    outer.told.append(_decoded(body))
                elif status == 200:
                    outer.events.append(json.loads(body))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, reached: Callable[[Told], bool]) -> Told:
        """Wait until the last export is as ``reached`` says, and return it."""
        until(lambda: self.told and reached(self.told[-1]))
        return self.told[-1]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Events:
    """The lines that OpenLineage's file transport wrote."""

    path: Path

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


def until(found: Callable[[], Any], seconds: float = 15) -> Any:
    """Ask again and again until the answer is something."""
    end = monotonic() + seconds
    while monotonic() < end:
        if answer := found():
            return answer
        sleep(0.02)
    raise AssertionError(f"nothing came within {seconds} s")


def _decoded(body: bytes) -> Told:
    request = ExportMetricsServiceRequest.FromString(body)
    told = Told()
    for resource in request.resource_metrics:
        told.resource |= {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            told.units[metric.name] = metric.unit
            data = metric.sum if metric.HasField("sum") else metric.histogram
            told.cumulative &= data.aggregation_temporality == 2
            for sum_point in metric.sum.data_points:
                assert metric.sum.is_monotonic
                told.sums[metric.name, _pairs(sum_point)] = sum_point.as_int or int(sum_point.as_double)
            for point in metric.histogram.data_points:
                told.histograms[metric.name, _pairs(point)] = (point.count, point.sum)
    return told


def _pairs(point: Any) -> frozenset[tuple[str, str]]:
    return frozenset((pair.key, pair.value.string_value) for pair in point.attributes)


def _has(key: Key, name: str, attributes: dict[str, str]) -> bool:
    wanted = {(f"exchange.{attribute.replace('_', '.')}", value) for attribute, value in attributes.items()}
    return key[0] == name and wanted <= key[1]
