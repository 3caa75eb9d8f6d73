"""Following the ledger: switched on and off, collectors that are down, restarts, and nothing personal."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest

from include.ledger import Ledger, SeenEntry
from include.telemetry import Telemetry
from local.settings import free_port
from tests.ledger.arrival_cases import NOW, a_feed, arrive
from tests.ledger.arrival_cases import bring as bring_arrival
from tests.ledger.conftest import bring, intent
from tests.telemetry.collecting import CollectorServer, Events, until

ROOT = Path(__file__).resolve().parents[2]
Patch = pytest.MonkeyPatch


def deliver(ledger: Ledger, times: int = 1) -> int:
    """Deliver files; return the number of the last event."""
    for _ in range(times):
        bring(ledger, ledger.plan(**intent()), "PUBLISHED")
    return ledger.events()[-1].id


def _more_than(number: int, bodies: list[bytes]) -> bool:
    return len(bodies) > number


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_with_nothing_configured_nothing_is_made_and_one_line_is_said(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    deliver(ledger)
    telemetry = Telemetry.from_environment(from_start=True)
    assert telemetry.follow(ledger) == 0
    telemetry.close(ledger)
    assert [record.getMessage() for record in caplog.records] == [
        "telemetry: no metrics (OTEL_EXPORTER_OTLP_ENDPOINT is not set); no OpenLineage events (no transport is "
        "configured)"
    ]
    assert ledger.position("telemetry_metrics") is ledger.position("telemetry_lineage") is None
    assert capfd.readouterr() == ("", "")


def test_whoever_wants_no_telemetry_imports_no_client() -> None:
    program = (
        "import sys; from include.telemetry import Telemetry; Telemetry.from_environment({}).close();"
        "print([name for name in ('openlineage', 'opentelemetry', 'asyncssh', 'polars') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("OTEL_SDK_DISABLED", "true", "OTEL_SDK_DISABLED is true"),
        ("OTEL_METRICS_EXPORTER", "none", "OTEL_METRICS_EXPORTER is none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "the protocol asked for is grpc"),
    ],
)
def test_metrics_can_be_switched_off(
    metrics_on: CollectorServer, monkeypatch: Patch, caplog: pytest.LogCaptureFixture, name: str, value: str, why: str
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv(name, value)
    assert Telemetry.from_environment().readers == ()
    assert f"no metrics ({why}" in caplog.text


def test_lineage_can_be_switched_off(lineage_on: Events, monkeypatch: Patch) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert Telemetry.from_environment().readers == ()


def test_a_first_start_tells_nothing_of_the_past(
    ledger: Ledger, metrics_on: CollectorServer, lineage_on: Events
) -> None:
    deliver(ledger, 2)
    telemetry = Telemetry.from_environment()
    assert telemetry.follow(ledger) == 0
    deliver(ledger)
    assert telemetry.follow(ledger) > 0
    assert metrics_on.wait(lambda told: bool(told.sums)).sum("exchange.file.count", state="PUBLISHED") == 1
    assert len(lineage_on.read()) == 2
    telemetry.close(ledger)


def test_a_call_handles_no_more_events_than_it_may(ledger: Ledger, lineage_on: Events) -> None:
    head = deliver(ledger, 2)
    telemetry = Telemetry.from_environment(from_start=True)
    assert [telemetry.follow(ledger, limit=5) for _ in range(head // 5 + 2)] == [5] * (head // 5) + [head % 5, 0]
    assert len(lineage_on.read()) == 4
    telemetry.close(ledger)


def test_a_restart_goes_on_where_it_stopped(ledger: Ledger, metrics_on: CollectorServer, lineage_on: Events) -> None:
    for number in (1, 2, 3):
        head = deliver(ledger)
        telemetry = Telemetry.from_environment(from_start=True)
        telemetry.follow(ledger)
        telemetry.close(ledger)
        assert metrics_on.told[-1].sum("exchange.file.count", state="PUBLISHED") == 1
        assert [event["eventType"] for event in lineage_on.read()] == ["START", "COMPLETE"] * number
        assert ledger.position("telemetry_metrics") == ledger.position("telemetry_lineage") == head


def test_a_process_that_died_before_its_export_leaves_the_counting_to_the_next(
    ledger: Ledger, collector: CollectorServer, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    head = deliver(ledger)
    dead = Telemetry.from_environment(from_start=True)  # Exports after a minute, and does not live that long.
    assert dead.follow(ledger) == head
    assert dead.follow(ledger) == 0
    assert ledger.position("telemetry_metrics") == 0
    heir = Telemetry.from_environment(from_start=True)
    heir.follow(ledger)
    heir.close(ledger)
    assert collector.told[-1].sum("exchange.file.count", state="PUBLISHED") == 1
    assert ledger.position("telemetry_metrics") == head
    dead.close()


def test_what_is_counted_while_an_export_is_on_its_way_is_not_taken_by_it(
    ledger: Ledger, metrics_on: CollectorServer
) -> None:
    answers = [Event(), Event()]
    metrics_on.refuses = lambda body: not answers[min(len(metrics_on.bodies), 2) - 1].wait(20)
    first = deliver(ledger)
    telemetry = Telemetry.from_environment(from_start=True)
    telemetry.follow(ledger)
    until(partial(_more_than, 0, metrics_on.bodies))
    second = deliver(ledger)
    telemetry.follow(ledger)
    answers[0].set()
    until(partial(_more_than, 1, metrics_on.bodies))  # The next export is under way, so the first has ended.
    telemetry.follow(ledger)
    assert ledger.position("telemetry_metrics") == first
    answers[1].set()
    telemetry.close(ledger)
    assert ledger.position("telemetry_metrics") == second


def test_metrics_that_nobody_takes_are_told_later_and_the_outage_once(
    ledger: Ledger, metrics_on: CollectorServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    metrics_on.status = 400
    telemetry = Telemetry.from_environment(from_start=True)
    for _ in range(3):
        deliver(ledger)
        telemetry.follow(ledger)
        seen = len(metrics_on.bodies)
        until(partial(_more_than, seen + 1, metrics_on.bodies))
    assert ledger.position("telemetry_metrics") == 0
    (warning,) = warnings(caplog)
    assert f"metrics cannot be handed over to 127.0.0.1:{metrics_on.port} (HTTP 400)" in warning
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.__dict__["collector"] == f"127.0.0.1:{metrics_on.port}"
    metrics_on.status = 200
    assert metrics_on.wait(lambda told: bool(told.sums)).sum("exchange.file.count", state="PUBLISHED") == 3
    until(lambda: telemetry.follow(ledger) == 0 and ledger.position("telemetry_metrics") == ledger.events()[-1].id)
    assert f"telemetry: 127.0.0.1:{metrics_on.port} takes metrics again" in caplog.text
    telemetry.close(ledger)


def test_no_collector_at_all_costs_the_caller_no_time(
    ledger: Ledger, monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing listens there: the exporter tries for ten seconds, in its own thread."""
    url = f"http://someone:a-password@127.0.0.1:{free_port()}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    head = deliver(ledger)
    telemetry = Telemetry.from_environment(from_start=True)
    before = monotonic()
    assert telemetry.follow(ledger) == head
    telemetry.follow(ledger)
    assert monotonic() - before < 2
    until(lambda: len(warnings(caplog)) == 2)
    before = monotonic()
    telemetry.close(ledger)
    assert monotonic() - before < 8
    assert ledger.position("telemetry_metrics") == 0
    assert (
        ledger.position("telemetry_lineage") == head - 1
    )  # All before the end of the file, which is told by the last.
    assert "a-password" not in caplog.text
    assert "someone" not in caplog.text


def test_lineage_waits_for_its_collector_and_loses_nothing(
    ledger: Ledger, collector: CollectorServer, monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    collector.status = 503
    deliver(ledger, 2)
    telemetry = Telemetry.from_environment(from_start=True)
    for _ in range(3):
        telemetry.follow(ledger)
    assert len(collector.bodies) == 3  # One attempt at each call, at the same event.
    (warning,) = warnings(caplog)
    assert f"OpenLineage events cannot be handed over to 127.0.0.1:{collector.port} (HTTP 503)" in warning
    collector.status = 200
    while telemetry.follow(ledger):
        pass
    assert [event["eventType"] for event in collector.events] == ["START", "COMPLETE"] * 2
    assert ledger.position("telemetry_lineage") == ledger.events()[-1].id
    telemetry.close(ledger)


def test_an_event_that_is_refused_for_good_does_not_stop_the_others(
    ledger: Ledger, collector: CollectorServer, monkeypatch: Patch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    collector.refuses = lambda body: (
        b'"COMPLETE"' in body and b'"ledger_file", "source": "ledger", "value": "1"' in body
    )
    deliver(ledger, 2)
    telemetry = Telemetry.from_environment(from_start=True)
    while telemetry.follow(ledger):
        pass
    assert [event["eventType"] for event in collector.events] == ["START", "START", "COMPLETE"]
    (warning,) = warnings(caplog)
    assert "refuses the OpenLineage COMPLETE of file 1 of merkle_sar_daily (HTTP 422)" in warning
    telemetry.close(ledger)


@pytest.mark.parametrize("by_dealer", ["", "true"])
def test_no_personal_value_is_in_anything_that_goes_out(
    new_ledger_dsn: str,
    collector: CollectorServer,
    monkeypatch: Patch,
    caplog: pytest.LogCaptureFixture,
    by_dealer: str,
) -> None:
    """The ledger has them in what people write, in who they are, and in names of partners' files."""
    caplog.set_level(logging.DEBUG, "include.telemetry")
    canary = "Canary Jane"
    for name, value in (
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url),
        ("OPENLINEAGE_URL", collector.url),
        ("TELEMETRY_BY_DEALER", by_dealer),
    ):
        monkeypatch.setenv(name, value)
    with Ledger(new_ledger_dsn, actor=f"person:{canary}") as ledger:
        file = ledger.plan(**intent())
        ledger.move(file.id, "HELD", reason=f"the row of {canary} is wrong")
        ledger.note(file.id, "ATTEMPT_STARTED", {"endpoint": "sftp://canary.jane@sftp.example:22"})
        ledger.reject(file.id, reason=f"{canary} asked for it")
        sent = ledger.plan(**intent())
        ledger.note(sent.id, "ATTEMPT_STARTED", {"endpoint": "sftp://canary.jane@sftp.example:22"})
        bring(ledger, sent, "PUBLISHED", file_name=f"{canary}.csv")
        feed = a_feed(ledger)
        for number, end in enumerate(("REMOVED", "REJECTED", "REFUSED")):
            row = arrive(ledger, feed, f"content {number}", f"{canary} {number}_SL.csv", number)
            if end == "REMOVED":
                bring_arrival(ledger, row, "REMOVED")
            elif end == "REJECTED":
                ledger.move_arrival(row.id, "REJECTED", reason=f"{canary} is no number", reject_code="HEADER")
            else:
                ledger.move_arrival(row.id, "HELD", reason=f"{canary} is there twice")
                ledger.reject_arrival(row.id, reason=f"{canary} says so")
        ledger.seen(feed.id, [SeenEntry(f"{canary}.exe", 1, NOW, "NAME_UNSAFE", f"{canary}.exe is no name")], at=NOW)
        telemetry = Telemetry.from_environment(from_start=True)
        while telemetry.follow(ledger):
            pass
        telemetry.close(ledger)
        # Refused events are told of in the log.
        collector.refuses = lambda body: True
        again(new_ledger_dsn, telemetry_of=lambda: Telemetry.from_environment(from_start=True))
    assert collector.told
    assert len(collector.events) == 2 * 6
    everything = b"\n".join(collector.bodies).decode("utf-8", "replace") + caplog.text + json.dumps(collector.events)
    assert "merkle_sar_daily" in everything
    assert "canary" not in everything.lower()


def again(dsn: str, *, telemetry_of: Callable[[], Telemetry]) -> Any:
    """Tell all of it once more, as after a restore."""
    from tests.ledger.conftest import execute

    execute(dsn, "DELETE FROM ledger.reading_position")
    telemetry = telemetry_of()
    with Ledger(dsn, actor="test") as ledger:
        while telemetry.follow(ledger):
            pass
        telemetry.close(ledger)
