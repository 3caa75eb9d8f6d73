"""A collector that decodes what it is sent, and an environment without anybody else's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from include.ledger import Ledger
from tests.collect.conftest import make_feed, partner
from tests.imports.conftest import clock, imports
from tests.outbound.conftest import gate, sample_template, world
from tests.publish.conftest import archive, archive_root, folder, merkle, partners, partners_root
from tests.telemetry.collecting import CollectorServer, Events

__all__ = [
    "archive", "archive_root", "clock", "folder", "gate", "imports", "make_feed", "merkle", "partner", "partners",
    "partners_root", "sample_template", "world",
]  # fmt: skip

OURS = ("OTEL_", "OPENLINEAGE", "TELEMETRY_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither variables nor an openlineage.yml of whoever runs the tests; the client writes variables of its own."""
    with pytest.MonkeyPatch.context() as outer:
        for name in [name for name in os.environ if name.startswith(OURS)]:
            outer.delenv(name)
        outer.setenv("HOME", str(tmp_path))
        outer.chdir(tmp_path)
        yield
        monkeypatch.undo()
        for name in [name for name in os.environ if name.startswith(OURS)]:
            del os.environ[name]


@pytest.fixture
def collector() -> Iterator[CollectorServer]:
    with closing(CollectorServer()) as server:
        yield server


@pytest.fixture
def metrics_on(collector: CollectorServer, monkeypatch: pytest.MonkeyPatch) -> CollectorServer:
    """Metrics go to ``collector``, by the standard variables, ten times a second."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    return collector


@pytest.fixture
def lineage_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Events:
    """OpenLineage events go to a file, by the client's own variables."""
    path = tmp_path / "events.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(path))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    return Events(path)


@pytest.fixture
def ledger(new_ledger_dsn: str) -> Iterator[Ledger]:
    """A ledger of each test's own, written by a task of Airflow."""
    with Ledger(new_ledger_dsn, actor="airflow:merkle_sar_daily/scheduled__1/publish/try 1") as opened:
        yield opened
