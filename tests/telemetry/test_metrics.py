"""Metrics made from the ledger, as a collector decodes them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.ledger import ArrivalRow, FileRow, Ledger, RejectedRow, SeenEntry
from include.telemetry import Telemetry
from tests.ledger.arrival_cases import COUNTS, a_feed, arrive
from tests.ledger.arrival_cases import bring as bring_arrival
from tests.ledger.conftest import bring, intent
from tests.telemetry.collecting import CollectorServer, Told, until

OUT = {"interface": "merkle_sar_daily", "direction": "outbound"}
IN = {"interface": "proresponse_sales", "direction": "inbound"}


def told(ledger: Ledger, collector: CollectorServer, *, from_start: bool = True) -> Told:
    """Everything that one process tells of the ledger until it ends."""
    telemetry = Telemetry.from_environment(from_start=from_start)
    while telemetry.follow(ledger, limit=7):
        pass
    telemetry.close(ledger)
    return collector.told[-1]


def deliver(ledger: Ledger, **changes: Any) -> FileRow:
    """A file of 10 rows of which 2 were rejected and 1 withheld."""
    file = ledger.plan(**intent(**changes))
    ledger.replace_rejected_rows(file.id, [RejectedRow(1, ("a-required",)), RejectedRow(2, ("a-required", "b-enum"))])
    return bring(ledger, file, "PUBLISHED")


def imported(ledger: Ledger) -> ArrivalRow:
    """An arrival of three rows of which one was rejected."""
    return bring_arrival(ledger, arrive(ledger, a_feed(ledger), "x"), "APPLIED")


def test_files_that_go_out(ledger: Ledger, metrics_on: CollectorServer) -> None:
    deliver(ledger)
    deliver(ledger)
    held = ledger.plan(**intent())
    ledger.move(held.id, "HELD", reason="too many rows are rejected", rows=0, rejected=40, withheld=0)
    found = told(ledger, metrics_on)
    states = ("PLANNED", "CHECKED", "RENDERED", "GATED", "UPLOADING", "UPLOADED", "PUBLISHED", "HELD", "ACKED")
    assert [found.sum("exchange.file.count", state=state, **OUT) for state in states] == [3, 2, 2, 2, 2, 2, 2, 1, 0]
    rows = {name: found.sum("exchange.row.count", outcome=name, **OUT) for name in ("rejected", "withheld", "sent")}
    assert rows == {"rejected": 44, "withheld": 2, "sent": 20}
    assert found.sum("exchange.file.io", **OUT) == 2 * 1234
    assert found.sum("exchange.rejection.count", rule="a-required", **OUT) == 4
    assert found.sum("exchange.rejection.count", rule="b-enum", **OUT) == 2
    assert found.cumulative


def test_rows_read_are_those_sent_withheld_and_rejected(ledger: Ledger, metrics_on: CollectorServer) -> None:
    file = ledger.plan(**intent())
    ledger.move(file.id, "CHECKED", rows=10, rejected=2, withheld=1)
    found = told(ledger, metrics_on)
    outcomes = ("read", "rejected", "withheld", "sent")
    assert [found.sum("exchange.row.count", outcome=name) for name in outcomes] == [13, 2, 1, 0]


def test_files_that_come_in(ledger: Ledger, metrics_on: CollectorServer) -> None:
    imported(ledger)
    found = told(ledger, metrics_on)
    for state in ("SEEN", "LANDED", "CHECKED", "APPLIED"):
        assert found.sum("exchange.file.count", state=state, **IN) == 1
    outcomes = ("read", "rejected", "imported", "sent")
    assert [found.sum("exchange.row.count", outcome=name, **IN) for name in outcomes] == [3, 1, 2, 0]
    assert found.sum("exchange.file.io", **IN) == 10
    assert found.observed("exchange.step.duration", step_from="CHECKED", step_to="APPLIED", **IN)[0] == 1


def test_only_rules_that_reject_are_counted_as_rejections(ledger: Ledger, metrics_on: CollectorServer) -> None:
    from include.contract import load_contract

    rules = load_contract("proresponse_sales").row_rules
    error = next(rule.id for rule in rules if rule.severity == "error")
    warning = next(rule.id for rule in rules if rule.severity == "warning")
    row = arrive(ledger, a_feed(ledger), "x")
    ledger.move_arrival(row.id, "CHECKED", detail={"failed": {error: 1, warning: 3, "no-such-rule": 5}}, **COUNTS)
    found = told(ledger, metrics_on)
    assert found.sum("exchange.rejection.count") == found.sum("exchange.rejection.count", rule=error) == 1


def test_a_redelivery_and_an_acknowledgement_send_no_row_again(ledger: Ledger, metrics_on: CollectorServer) -> None:
    file = deliver(ledger)
    ledger.redeliver(file.id, reason="the partner lost it")
    for state in ("UPLOADING", "UPLOADED", "PUBLISHED", "ACKED"):
        ledger.move(file.id, state)
    found = told(ledger, metrics_on)
    assert found.sum("exchange.file.count", state="PUBLISHED") == 2
    assert found.sum("exchange.row.count", outcome="sent") == 10
    assert found.sum("exchange.file.io") == 1234
    assert found.observed("exchange.file.lateness")[0] == 1


def test_seconds_of_each_step_are_those_between_its_events(ledger: Ledger, metrics_on: CollectorServer) -> None:
    file = deliver(ledger)
    steps = [event for event in ledger.events(file.id) if event.to_state]
    found = told(ledger, metrics_on)
    for before, after in pairwise(steps):
        seen, total = found.observed("exchange.step.duration", step_from=before.kind, step_to=after.kind, **OUT)
        assert seen == 1
        assert total == pytest.approx((after.at - before.at).total_seconds(), abs=1e-6)
    assert found.observed("exchange.step.duration")[0] == len(steps) - 1


def test_lateness_of_what_goes_out_is_counted_from_the_promised_time(
    ledger: Ledger, metrics_on: CollectorServer
) -> None:
    """The file of 20 November is due on the 21st at 06:00 by the clock of London."""
    due = datetime(2026, 11, 21, 6, tzinfo=UTC)
    for minutes in (-120, 0, 90):
        file = bring(ledger, ledger.plan(**intent()), "UPLOADED")
        published_at = due + timedelta(minutes=minutes)
        ledger.move(file.id, "PUBLISHED", remote_path="/in/x.csv", published_at=published_at)
    found = told(ledger, metrics_on)
    assert found.observed("exchange.file.lateness", **OUT) == (3, 90 * 60)


def test_lateness_of_what_comes_in_is_that_of_the_days_first_file(ledger: Ledger, metrics_on: CollectorServer) -> None:
    """A sales file is due at 07:00 by the clock of New York; a feed that began later could not have been on time."""
    feed = a_feed(ledger)
    zone = ZoneInfo("America/New_York")
    due = datetime.combine(datetime.now(zone).date() + timedelta(days=3), time(7), zone).astimezone(UTC)
    listed: list[SeenEntry] = []
    # Late; the second of the day, which is nobody's promise; and the next day's, the evening before.
    for name, at in (("a", timedelta(minutes=45)), ("b", timedelta(minutes=60)), ("c", timedelta(hours=20))):
        listed.append(SeenEntry(f"{name}_SL.csv", 10, due))
        ledger.seen(feed.id, listed, at=due + at)
    found = told(ledger, metrics_on)
    assert found.observed("exchange.file.lateness", **IN) == (2, 45 * 60)


def test_previews_are_not_told(ledger: Ledger, metrics_on: CollectorServer) -> None:
    bring(ledger, ledger.plan(**intent(environment="preview")), "GATED")
    deliver(ledger)
    found = told(ledger, metrics_on)
    assert found.sum("exchange.file.count", state="PLANNED") == 1


def test_dealers_are_told_only_where_that_is_switched_on(
    ledger: Ledger, metrics_on: CollectorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(ledger, dealer="82600001")
    assert "exchange.dealer" not in told(ledger, metrics_on).attributes
    monkeypatch.setenv("TELEMETRY_BY_DEALER", "true")
    deliver(ledger, dealer="82600002")
    found = told(ledger, metrics_on)
    assert found.sum("exchange.file.count", state="PUBLISHED", dealer="82600002") == 1
    assert found.sum("exchange.file.count", dealer="82600001") == 0


def test_names_units_and_attributes_are_those_of_the_page(ledger: Ledger, metrics_on: CollectorServer) -> None:
    """docs/observability.md has a line for each."""
    from include.telemetry.metrics import COUNTERS, HISTOGRAMS
    from tests.telemetry.documented import documented_attributes, documented_metrics

    deliver(ledger)
    imported(ledger)
    found = told(ledger, metrics_on)
    assert found.units == documented_metrics()
    assert found.units.keys() == COUNTERS.keys() | HISTOGRAMS.keys()
    assert found.attributes | {"exchange.dealer"} == documented_attributes()


def test_the_service_is_called_as_the_environment_says(
    ledger: Ledger, metrics_on: CollectorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(ledger)
    assert told(ledger, metrics_on).resource["service.name"] == "dealer-exchange"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod")
    deliver(ledger)
    found = told(ledger, metrics_on)
    assert found.resource["service.name"] == "ours"
    assert found.resource["deployment.environment.name"] == "prod"


def _removed(number: int, found: Told) -> bool:
    return found.sum("exchange.file.count", state="REMOVED") == number


def test_exports_go_on_while_events_come(ledger: Ledger, metrics_on: CollectorServer) -> None:
    telemetry = Telemetry.from_environment()
    assert telemetry.follow(ledger) == 0
    for number in (1, 2):
        bring_arrival(ledger, arrive(ledger, a_feed(ledger), "x"), "REMOVED")
        assert telemetry.follow(ledger) > 0
        metrics_on.wait(partial(_removed, number))
    until(lambda: telemetry.follow(ledger) == 0 and ledger.position("telemetry_metrics") == ledger.events()[-1].id)
    telemetry.close(ledger)
