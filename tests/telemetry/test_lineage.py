"""OpenLineage events made from the ledger, as the client's own file transport writes them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from include.contract import load_contract
from include.ledger import ArrivalRow, FileRow, Ledger, QualityResult
from include.telemetry import Places, Telemetry
from tests.ledger.arrival_cases import COUNTS, a_feed, arrive
from tests.ledger.conftest import bring, intent
from tests.telemetry.collecting import Events
from tests.telemetry.shape import RUN_EVENT

MERKLE = load_contract("merkle_sar_daily")
SALES = load_contract("proresponse_sales")
DMS = "host=dms.example port=5433 dbname=dms user=reader password=secret-word"


def follow(ledger: Ledger, **settings: Any) -> None:
    telemetry = Telemetry.from_environment(from_start=True, **settings)
    while telemetry.follow(ledger):
        pass
    telemetry.close(ledger)


def deliver(ledger: Ledger, **changes: Any) -> FileRow:
    """A file of 10 rows, brought to a host on a port of its own; two readings looked at it."""
    file = ledger.plan(**intent(**changes))
    results = [
        ("row_check", "invoice_number-required", ("invoice_number",), "error", "pass", 0),
        ("row_check", "net_amount-lineArithmetic", ("net_amount",), "warning", "fail", 2),
        ("volume", "file-sameWeekdayVolume", (), "warning", "pass", None),
        ("gate", "invoice_number-required", ("invoice_number",), "error", "pass", 0),
    ]
    ledger.replace_quality_results(
        file.id,
        [
            QualityResult(reader, rule, columns, "validity", severity, status, 13, failed, None)  # type: ignore[arg-type]
            for reader, rule, columns, severity, status, failed in results
        ],
    )
    ledger.note(file.id, "ATTEMPT_STARTED", {"endpoint": "sftp://ourlogin@sftp.merkle.example:2222"})
    return bring(ledger, file, "PUBLISHED")


def imported(ledger: Ledger, **settings: Any) -> ArrivalRow:
    row = arrive(ledger, a_feed(ledger, **settings), "x")
    rule = next(rule for rule in SALES.row_rules if len(rule.columns) == 1)
    ledger.move_arrival(row.id, "CHECKED", detail={"failed": {rule.id: 1}}, **COUNTS)
    return ledger.move_arrival(row.id, "APPLIED")


def tags(event: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in event["run"]["facets"]["tags"]["tags"]}


def test_a_delivered_file_is_a_run_from_the_views_to_the_partners_directory(ledger: Ledger, lineage_on: Events) -> None:
    file = deliver(ledger)
    follow(ledger, places=Places.of_dsn(DMS))
    start, complete = lineage_on.read()
    steps = ledger.events(file.id)
    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    assert [start["eventTime"], complete["eventTime"]] == [steps[0].at.isoformat(), steps[-1].at.isoformat()]
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert (complete["job"]["namespace"], complete["job"]["name"]) == ("dealer-exchange", "merkle_sar_daily")
    (source,) = complete["inputs"]
    assert (source["namespace"], source["name"]) == (
        "postgres://dms.example:5433",
        "dms.dms.v_trade_parts_sale_lines",
    )
    assert [field["name"] for field in source["facets"]["schema"]["fields"]] == list(MERKLE.table.columns)
    assert source["inputFacets"]["dataQualityMetrics"]["rowCount"] == 10 + 2 + 1
    (target,) = complete["outputs"]
    assert (target["namespace"], target["name"]) == ("sftp://sftp.merkle.example:2222", "/in")
    assert [field["name"] for field in target["facets"]["schema"]["fields"]] == list(MERKLE.table.delivered)
    assert target["facets"]["version"]["datasetVersion"] == f"sha256:{file.sha256}"
    statistics = target["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (10, 1234)
    assert start["outputs"] == []


def test_both_readings_are_told_rule_by_rule(ledger: Ledger, lineage_on: Events) -> None:
    deliver(ledger)
    follow(ledger)
    assertions = lineage_on.read()[1]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {(each["name"], each["success"], each.get("column"), each["severity"]) for each in assertions} == {
        ("row_check: invoice_number-required", True, "invoice_number", "error"),
        ("row_check: net_amount-lineArithmetic", False, "net_amount", "warn"),
        ("volume: file-sameWeekdayVolume", True, None, "warn"),
        ("gate: invoice_number-required", True, "invoice_number", "error"),
    }


def test_the_run_of_airflow_that_did_it_is_the_parent(new_ledger_dsn: str, lineage_on: Events) -> None:
    """A person's decision in between does not hide it."""
    run = "manual__2026-11-21T03:00:00+00:00"
    with Ledger(new_ledger_dsn, actor=f"airflow:merkle_sar_daily/{run}/publish/try 2") as ledger:
        first, second = deliver(ledger), ledger.plan(**intent())
        ledger.move(second.id, "HELD", reason="a reason")
    with Ledger(new_ledger_dsn, actor="person:oncall") as ledger:
        ledger.reject(second.id, reason="not wanted")
        follow(ledger)
    events = lineage_on.read()
    assert {event["run"]["facets"]["parent"]["job"]["name"] for event in events} == {"merkle_sar_daily"}
    assert len({event["run"]["facets"]["parent"]["run"]["runId"] for event in events}) == 1
    assert {tags(event)["airflow_run_id"] for event in events} == {run}
    assert tags(events[0])["ledger_file"] == str(first.id)
    assert events[0]["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-11-20T00:00:00+00:00"


def test_an_import_is_a_run_from_the_feeds_directory_to_the_table(ledger: Ledger, lineage_on: Events) -> None:
    row = imported(ledger, directory="acme/out", conn_id="proresponse_sftp")
    hosts = {"proresponse_sftp": "files.ids.example"}
    follow(ledger, places=Places.of_dsn(DMS, host_of=hosts.get))
    start, complete = lineage_on.read()
    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    (source,) = complete["inputs"]
    assert (source["namespace"], source["name"]) == ("sftp://files.ids.example", "/acme/out")
    headers = [field.header for field in SALES.table.fields if field.header]
    assert [field["name"] for field in source["facets"]["schema"]["fields"]] == headers
    assert source["facets"]["version"]["datasetVersion"] == f"sha256:{row.sha256}"
    metrics = source["inputFacets"]["dataQualityMetrics"]
    assert (metrics["rowCount"], metrics["bytes"]) == (3, 10)
    assertions = source["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert len(assertions) == len(SALES.row_rules)
    assert [each["actual"] for each in assertions if not each["success"]] == ["1 failed"]
    (target,) = complete["outputs"]
    assert (target["namespace"], target["name"]) == ("postgres://dms.example:5433", "dms.crm.activity")
    assert target["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_what_nobody_knows_has_the_partners_name(ledger: Ledger, lineage_on: Events) -> None:
    imported(ledger, directory="acme/out")
    bring(ledger, ledger.plan(**intent()), "PUBLISHED")
    follow(ledger)
    names = [each["namespace"] for event in lineage_on.read() for each in (*event["inputs"], *event["outputs"])]
    assert set(names) == {"sftp://proresponse", "sftp://merkle", "postgres://dms"}


def test_a_file_of_several_tables_reads_each_of_them(ledger: Ledger, lineage_on: Events) -> None:
    ddc = load_contract("fcs_ddc_daily")
    file = ledger.plan(**intent(interface="fcs_ddc_daily", partner="fcs"))
    rule = next(rule for rule in ddc.tables[1].row_rules if len(rule.columns) == 1)
    ledger.replace_quality_results(
        file.id, [QualityResult("row_check", rule.id, rule.columns, "validity", "error", "fail", 9, 1, None)]
    )
    bring(ledger, file, "PUBLISHED")
    follow(ledger)
    complete = lineage_on.read()[1]
    assert [each["name"] for each in complete["inputs"]] == [table.source for table in ddc.tables]
    assert ["dataQualityAssertions" in each["inputFacets"] for each in complete["inputs"]] == [
        False,
        True,
        False,
        False,
    ]
    fields = complete["outputs"][0]["facets"]["schema"]["fields"]
    assert [field["name"] for field in fields] == [table.name for table in ddc.tables]
    assert [field["name"] for field in fields[2]["fields"]] == list(ddc.tables[2].delivered)


@pytest.mark.parametrize("by_a_person", [True, False])
def test_a_cancelled_file_failed_if_a_person_gave_it_up(ledger: Ledger, lineage_on: Events, by_a_person: bool) -> None:
    file = ledger.plan(**intent())
    if by_a_person:
        ledger.move(file.id, "HELD", reason="a reason")
        ledger.reject(file.id, reason="Jane Canary asked for it")
    else:
        ledger.move(file.id, "CANCELLED", reason="no rows, and the contract sends no empty file")
    follow(ledger)
    start, end = lineage_on.read()
    assert [start["eventType"], end["eventType"]] == ["START", "FAIL" if by_a_person else "ABORT"]
    assert end["run"]["facets"]["errorMessage"]["message"].startswith("CANCELLED: ")
    assert end["outputs"] == []


def test_a_rejected_arrival_failed(ledger: Ledger, lineage_on: Events) -> None:
    feed = a_feed(ledger)
    refused = arrive(ledger, feed, "x")
    ledger.move_arrival(refused.id, "REJECTED", reason="the header has no DealNumber", reject_code="HEADER")
    held = arrive(ledger, feed, "y", "b_SL.csv")
    ledger.move_arrival(held.id, "HELD", reason="half of its rows are rejected")
    ledger.reject_arrival(held.id, reason="as agreed with the dealer")
    follow(ledger)
    events = lineage_on.read()
    assert [event["eventType"] for event in events] == ["START", "FAIL"] * 2
    messages = [event["run"]["facets"]["errorMessage"]["message"].partition(":")[0] for event in events[1::2]]
    assert messages == ["HEADER", "REFUSED"]


def test_what_moves_no_data_is_no_run(ledger: Ledger, lineage_on: Events) -> None:
    """A redelivery, an acknowledgement, a preview, a copy of a rejected file, a listing, what waits."""
    file = deliver(ledger)
    ledger.redeliver(file.id, reason="lost")
    for state in ("UPLOADING", "UPLOADED", "PUBLISHED", "ACKED"):
        ledger.move(file.id, state)
    preview = bring(ledger, ledger.plan(**intent(environment="preview")), "GATED")
    ledger.move(preview.id, "CANCELLED", reason="a preview")
    ledger.move(ledger.plan(**intent()).id, "WITHHELD", reason="no agreement")
    follow(ledger)
    assert [event["eventType"] for event in lineage_on.read()] == ["START", "COMPLETE"]


def test_told_again_it_is_the_same_runs_with_the_same_words(
    ledger: Ledger, lineage_on: Events, new_ledger_dsn: str
) -> None:
    from tests.ledger.conftest import execute

    deliver(ledger)
    imported(ledger)
    follow(ledger)
    first = lineage_on.read()
    execute(new_ledger_dsn, "DELETE FROM ledger.reading_position")
    follow(ledger)
    assert lineage_on.read()[len(first) :] == first
    assert len({event["run"]["runId"] for event in first}) == 2


def test_each_revision_dealer_and_window_is_a_run_of_its_own(ledger: Ledger, lineage_on: Events) -> None:
    one = deliver(ledger, dealer="82600001")
    revision = ledger.propose_revision(
        one, content_hash="b" * 32, rows=11, control_total=None, difference={}, batch_id=None
    )
    ledger.release(revision.id, reason="a correction")
    bring(ledger, ledger.file(revision.id), "PUBLISHED", content_hash="b" * 32)
    deliver(ledger, dealer="82600002")
    follow(ledger)
    ends = lineage_on.read()[1::2]
    assert len({event["run"]["runId"] for event in ends}) == len(ends) == 3
    assert [tags(event)["revision"] for event in ends] == ["0", "1", "0"]
    assert all(UUID(event["run"]["runId"]) for event in ends)


def test_events_have_the_shape_of_the_specification(
    ledger: Ledger, lineage_on: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "group-a")
    deliver(ledger)
    imported(ledger)
    ledger.reject(ledger.move(ledger.plan(**intent()).id, "HELD", reason="a reason").id, reason="another")
    follow(ledger)
    events = lineage_on.read()
    assert len(events) == 6
    validator = Draft202012Validator(RUN_EVENT, format_checker=FormatChecker())
    assert [error.message for event in events for error in validator.iter_errors(event)] == []
    assert {event["job"]["namespace"] for event in events} == {"group-a"}
