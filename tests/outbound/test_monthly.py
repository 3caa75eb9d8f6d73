"""The monthly file: every dealer's month by its own clock and by the dates of its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from include.contract import load_contract
from include.ledger import FileRow
from include.migrations.run import Name
from include.outbound.extract import extract
from include.quality.gate import GateProcess
from include.window import Window, WindowError, month_window
from local.partners.process import start_partner
from local.postgres import Postgres
from local.sample import fill
from tests.outbound.changes import sell_dearer
from tests.outbound.world import World, trailer_of

OCTOBER = date(2026, 10, 1)
SAMPLE: dict[str, Any] = {"dealers": 8, "days": 45, "lines": 6000, "seed": 7, "until": date(2026, 11, 6)}
# Every line of a trade document dated in the month that nobody planted and nobody objected to.
RECOUNT = """
SELECT dealer_code, count(*), sum(net_amount)
  FROM dms.v_trade_parts_sale_lines AS line
 WHERE document_date >= '2026-10-01' AND document_date < '2026-11-01' AND account_class = 'TRADE'
   AND NOT sharing_objection
   AND NOT EXISTS (SELECT FROM sample.sample_defect AS planted WHERE planted.invoice_line_id = line.invoice_line_id)
 GROUP BY dealer_code
"""


@pytest.fixture(scope="module")
def month_template(new_database: Callable[[Name], str]) -> str:
    dsn = new_database("dms")
    fill(dsn, **SAMPLE)
    return dsn


@pytest.fixture
def world(
    month_template: str, postgres: Postgres, gate: GateProcess, new_ledger_dsn: str, tmp_path: Path
) -> Iterator[World]:
    name = f"dms_{tmp_path.name}"[:63]
    template = month_template.partition("?")[0].rpartition("/")[2]
    dsn = postgres.create_database(name, template=template, replace=True)
    contract = load_contract("renault_sar_monthly")
    with start_partner(tmp_path / "partners", ["renault"]) as partners:
        yield World(tmp_path, dsn, new_ledger_dsn, partners["renault"], gate, contract)
    postgres.drop_database(name)


def test_every_dealer_sends_what_plain_sql_counts(world: World) -> None:
    run = world.deliver(OCTOBER)
    files = world.files(run)
    dealers = {code for (code,) in world.query("SELECT dealer_code FROM dms.v_dealers WHERE franchise IS NOT NULL")}
    assert {file.dealer for file in files} == dealers, "trade-partner dealer or not"
    assert {file.state for file in files} == {"PUBLISHED"}
    found = {code: (rows, total) for code, rows, total in world.query(RECOUNT)}
    for file in files:
        content = world.home()[str(file.file_name)]
        assert trailer_of(content) == (file.rows, file.control_total) == found.get(file.dealer, (0, Decimal("0.00")))
        assert file.file_name == f"SAR_M_{file.dealer}_202610_000001.csv"
    assert world.conclude(run) == {"PUBLISHED": len(files)}


def test_each_month_is_bounded_by_the_dealers_own_midnights(world: World) -> None:
    world.change("UPDATE dms.dealer SET time_zone = 'Europe/Gibraltar' WHERE dealer_id = 1")
    files = {file.dealer: file for file in world.files(world.deliver(OCTOBER))}
    zones = dict(world.query("SELECT dealer_code, time_zone FROM dms.v_dealers WHERE franchise IS NOT NULL"))
    assert set(zones.values()) == {"Europe/London", "Europe/Gibraltar"}
    for dealer, file in files.items():
        assert file.window == month_window(OCTOBER, zones[dealer])
        header = world.home()[str(file.file_name)].decode().splitlines()[0].split(";")
        assert header[5:7] == ["M", "2026-10"]
        assert header[7] == f"{file.window_start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_a_month_that_is_not_over_for_somebody_is_refused(world: World) -> None:
    # Paris has November, London still has an hour of October.
    with pytest.raises(WindowError, match=r"month 2026-10 \(Europe/London\) is not over"):
        world.extract(OCTOBER, now=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    with world.ledger() as ledger:
        assert ledger.files() == []


def test_a_window_that_cuts_a_month_is_refused(world: World) -> None:
    whole = month_window(OCTOBER, "Europe/Paris")
    cut = Window(whole.start, datetime(2026, 10, 15, tzinfo=UTC), whole.zone)
    with world.ledger() as ledger, pytest.raises(WindowError, match="cuts one"):
        extract(
            world.contract,
            cut,
            dms_dsn=world.dms_dsn,
            ledger=ledger,
            staging=world.staging,
            run_id="test",
            now=datetime(2027, 1, 1, tzinfo=UTC),
        )


def change_franchise(world: World, dealer_id: int, day: str) -> None:
    world.change(
        "UPDATE dms.dealer_franchise SET valid_to = %(day)s WHERE dealer_id = %(dealer)s AND valid_to IS NULL",
        {"dealer": dealer_id, "day": day},
    )
    world.change(
        "INSERT INTO dms.dealer_franchise (dealer_id, franchise, valid_from) VALUES (%(dealer)s, 'DACIA', %(day)s)",
        {"dealer": dealer_id, "day": day},
    )


def test_a_dealer_that_changed_franchise_in_the_month_is_held_until_a_person_decides(world: World) -> None:
    change_franchise(world, 2, "2026-10-12")
    run = world.deliver(OCTOBER)
    (held,) = [file for file in world.files(run) if file.state != "PUBLISHED"]
    assert held.state == "HELD"
    assert "its franchise changed from" in str(held.reason)
    assert "2026-10-12" in str(held.reason)
    world.deliver(OCTOBER)
    assert world.files(run)[run.file_ids.index(held.id)].state == "HELD", "nothing lets it go by itself"
    with world.ledger("person:oncall") as ledger:
        ledger.release(held.id, reason="Renault takes the whole month in one file")
    world.deliver(OCTOBER)
    with world.ledger() as ledger:
        sent = ledger.file(held.id)
    assert (sent.state, sent.sha256) == ("PUBLISHED", held.sha256), "the bytes that the person could look at"


def test_a_change_of_franchise_in_another_month_holds_nothing(world: World) -> None:
    change_franchise(world, 2, "2026-11-02")
    assert {file.state for file in world.files(world.deliver(OCTOBER))} == {"PUBLISHED"}


def test_a_dealer_whose_clock_does_not_exist_is_held_by_name_and_the_others_go(world: World) -> None:
    world.change("UPDATE dms.dealer SET time_zone = 'Europe/Londn' WHERE dealer_id = 1")
    states = world.files(world.deliver(OCTOBER))
    assert [(file.state, "the time zone 'Europe/Londn'" in str(file.reason)) for file in states if file.reason] == [
        ("HELD", True)
    ]
    assert [file.state for file in states].count("PUBLISHED") == len(states) - 1
    world.change("UPDATE dms.dealer SET time_zone = 'Europe/London' WHERE dealer_id = 1")
    assert {file.state for file in world.files(world.deliver(OCTOBER))} == {"PUBLISHED"}, "mended, it goes"


def test_a_dealer_that_moves_to_another_clock_does_not_send_its_month_twice(world: World) -> None:
    first = world.files(world.deliver(OCTOBER))
    before = world.home()
    world.change("UPDATE dms.dealer SET time_zone = 'Europe/Gibraltar' WHERE dealer_id = 1")
    again = world.deliver(OCTOBER)
    assert [file.id for file in world.files(again)] == [file.id for file in first]
    assert world.home() == before
    assert world.conclude(again) == {"PUBLISHED": len(first)}


def test_a_late_credit_after_the_delivery_becomes_a_correction_on_release(world: World) -> None:
    first = {file.dealer: file for file in world.files(world.deliver(OCTOBER))}
    sell_dearer(world)
    world.deliver(OCTOBER)
    with world.ledger("person:oncall") as ledger:
        proposed: list[FileRow] = ledger.files(states=["PROPOSED"])
        assert proposed
        ledger.release(proposed[0].id, reason="the dealer agreed")
    world.deliver(OCTOBER)
    dealer = proposed[0].dealer
    content = world.home()[f"SAR_M_{dealer}_202610_000002.csv"]
    assert content.decode().splitlines()[0].split(";")[9:13] == ["2", "1", "CORRECTION", "1"]
    with world.ledger() as ledger:
        assert ledger.file(first[dealer].id).state == "SUPERSEDED"


def test_it_is_late_after_noon_of_the_second_working_day_in_france(world: World) -> None:
    world.conclude(world.deliver(OCTOBER))
    late = [line for line in world.said if ": late: " in line]
    # 1 November 2026 is a Sunday; Monday and Tuesday are working days, and noon in Paris is 11:00 in London.
    assert late
    assert all(line.endswith("due 2026-11-03T12:00:00+01:00") for line in late)
