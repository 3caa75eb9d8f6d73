"""Files that the real steps delivered and imported: what collectors hear agrees with what those steps did."""

from __future__ import annotations

import json

from include.ledger import Ledger
from include.telemetry import Places, Telemetry
from tests.imports.importing import Imports, file_of, sold
from tests.outbound.world import World
from tests.telemetry.collecting import CollectorServer, Events

# What of the DMS says something of a person; values of at least four characters, since shorter ones occur by chance.
PERSONAL = ("trade_account_number", "trade_partner_id")
VIEW = "dms.v_trade_parts_sale_lines WHERE account_class = 'TRADE'"


def follow(ledger: Ledger, places: Places) -> None:
    telemetry = Telemetry.from_environment(from_start=True, places=places)
    while telemetry.follow(ledger, limit=50):
        pass
    telemetry.close(ledger)


def test_a_days_delivery(world: World, metrics_on: CollectorServer, lineage_on: Events) -> None:
    run = world.deliver()
    files = world.files(run)
    with world.ledger() as ledger:
        follow(ledger, Places.of_dsn(world.dms_dsn))
        reasons = [ledger.rejected_reasons(file.id) for file in files]
    told = metrics_on.told[-1]
    counted = {name: told.sum("exchange.row.count", outcome=name) for name in ("read", "sent", "rejected", "withheld")}
    assert counted["read"] == run.rows == counted["sent"] + counted["rejected"] + counted["withheld"]
    assert counted["sent"] == sum(file.rows or 0 for file in files)
    assert min(counted["rejected"], counted["withheld"]) > 0
    assert told.sum("exchange.rejection.count") == sum(sum(each.values()) for each in reasons)
    assert told.sum("exchange.file.io") == sum(len(content) for content in world.home().values())
    assert told.observed("exchange.file.lateness")[0] == len(files)
    assert told.observed("exchange.step.duration", step_from="UPLOADED", step_to="PUBLISHED")[0] == len(files)
    ends = lineage_on.read()[1::2]
    assert [event["eventType"] for event in ends] == ["COMPLETE"] * len(files)
    endpoint = world.partner.endpoint()
    assert {event["outputs"][0]["namespace"] for event in ends} == {f"sftp://{endpoint.host}:{endpoint.port}"}
    assert {event["outputs"][0]["name"] for event in ends} == {world.contract.remote_dir}
    assert {event["outputs"][0]["facets"]["version"]["datasetVersion"] for event in ends} == {
        f"sha256:{file.sha256}" for file in files
    }
    readers = {
        each["name"].partition(":")[0]
        for event in ends
        for each in event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    }
    assert readers == {"row_check", "gate", "volume"}
    personal = {
        str(value)
        for row in world.query(f"SELECT {', '.join(PERSONAL)} FROM {VIEW}")
        for value in row
        if value and len(str(value)) >= 4
    }
    assert len(personal) > 10
    said = json.dumps(lineage_on.read()) + b"\n".join(metrics_on.bodies).decode("utf-8", "replace")
    assert {value for value in personal if value in said} == set()
    assert f"{endpoint.username}@" not in said


def test_an_import(imports: Imports, metrics_on: CollectorServer, lineage_on: Events) -> None:
    imports.bring("day_SL.csv", file_of(sold(), sold(DealNumber="D2", StockNumber="S-2", SoldDate="")))
    imports.check()
    imports.apply()
    imports.bring("bad_SL.csv", b"\xff\xfe" + file_of(sold(DealNumber="D3")))
    imports.check()
    follow(imports.partner.ledger, Places.of_dsn(imports.dms_dsn))
    told = metrics_on.told[-1]
    counted = {name: told.sum("exchange.row.count", outcome=name) for name in ("read", "rejected", "imported")}
    assert counted == {"read": 2, "rejected": 1, "imported": 1}
    rules = {dict(pairs)["exchange.rule"]: count for (name, pairs), count in told.sums.items() if "rejection" in name}
    events = lineage_on.read()
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "START", "FAIL"]
    quality = events[1]["inputs"][0]["inputFacets"]
    failed = {
        each["name"]: each["actual"] for each in quality["dataQualityAssertions"]["assertions"] if not each["success"]
    }
    assert rules.items() <= {name.partition(": ")[2]: int(actual.split()[0]) for name, actual in failed.items()}.items()
    assert rules
    assert events[1]["outputs"][0]["name"].endswith(".crm.activity")
    assert events[3]["run"]["facets"]["errorMessage"]["message"].startswith("ENCODING: ")
    said = json.dumps(events) + b"\n".join(metrics_on.bodies).decode("utf-8", "replace")
    assert [value for value in ("Avery", "avery.sample", "1M8GDM9AXKP042788", "C100") if value in said] == []
