"""From checked to applied: rows committed once, in the order of the files, and the ledger told of it afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from include.crm.arrival import CrmUnavailableError
from include.feeds import Feed
from include.imports.taking import ATTEMPTS
from include.ledger import ArrivalRow
from include.ledger.chain import verify
from tests.collect.collecting import drop
from tests.imports.importer import APPLYING, CHECKING
from tests.imports.importing import Imports, file_of, sold

ACTIVITIES = "SELECT source_key, occurred_on, contact_id, last_import_id FROM crm.activity ORDER BY 1"
# All that stands of a dealer, without what numbers and clocks make differ.
EVERYTHING = """
    SELECT
        (SELECT json_agg(to_jsonb(a) - '{dealer,created_at,changed_at,first_import_id,last_import_id}'::text[]
            - '{activity_id,contact_id,seen_at,file_time}'::text[] ORDER BY source_key)::text
            FROM crm.activity AS a WHERE dealer = '{}'),
        (SELECT json_agg(ARRAY[last_name, first_key, last_key] ORDER BY last_name)::text
            FROM crm.contact WHERE dealer = '{}'),
        (SELECT json_agg(ARRAY[rule, outcome, d.inputs_hash] ORDER BY inputs_hash)::text
            FROM crm.match_decision AS d JOIN crm.import USING (import_id) WHERE dealer = '{}'),
        (SELECT json_agg(ARRAY[line::text, raw, reasons::text] ORDER BY line)::text
            FROM crm.rejected_row JOIN crm.import USING (import_id) WHERE dealer = '{}'),
        (SELECT count(*) FROM crm.import WHERE dealer = '{}')
"""


def now(imports: Imports, row: ArrivalRow) -> ArrivalRow:
    return imports.partner.ledger.arrival(row.id)


def test_accepted_rows_become_activities_and_rejected_ones_wait_for_a_correction(imports: Imports) -> None:
    row = imports.bring("day_SL.csv", file_of(sold(), sold(DealNumber="D2", StockNumber="S-2", SoldDate="")))
    imports.check()
    counts = imports.apply()
    assert (counts["applied"], counts["created"], counts["new"], counts["rejected_rows"]) == (1, 1, 1, 1)
    row = now(imports, row)
    assert (row.state, row.applied_at) == ("APPLIED", imports.crm("SELECT applied_at FROM crm.import")[0][0])
    assert imports.crm("SELECT reasons, line FROM crm.rejected_row") == [(["sold_date-required"], 3)]
    told = imports.partner.ledger.arrival_events(row.id)[-1].detail
    assert (told["created"], told["rules"]) == (1, {"NEW": 1})
    assert not Path(imports.staging.root, f"arrival-{row.id}").exists()
    assert imports.apply() == {}
    assert verify(imports.partner.ledger.dsn).whole


def test_files_are_applied_in_the_order_in_which_they_came(imports: Imports) -> None:
    first = imports.bring("z_SL.csv", file_of(sold(Amount_Financed="100")))
    imports.partner.clock.wait(3600)
    second = imports.bring("a_SL.csv", file_of(sold(Amount_Financed="200")))
    imports.check()
    assert imports.apply()["updated"] == 1
    assert imports.crm("SELECT amount_financed, last_import_id > first_import_id FROM crm.activity") == [(200, True)]
    assert now(imports, first).applied_at < now(imports, second).applied_at  # type: ignore[operator]


def test_an_import_that_is_refused_leaves_its_file_and_the_next_is_applied(imports: Imports) -> None:
    bad = imports.bring("bad_SL.csv", file_of(sold(LastName="Poison")))
    good = imports.bring("good_SL.csv", file_of(sold(DealNumber="D2", StockNumber="S-2")))
    imports.check()
    Path(imports.staging.root, f"arrival-{bad.id}", f"{bad.id}.accepted.parquet").write_bytes(b"Poison")
    for _ in range(ATTEMPTS):
        assert imports.apply()["failed"] == 1
    assert (now(imports, bad).state, now(imports, good).state) == ("HELD", "APPLIED")
    assert "checked again" in str(now(imports, bad).reason)
    assert "Poison" not in str([event.detail for event in imports.partner.ledger.arrival_events(bad.id)])
    imports.partner.ledger.release_arrival(bad.id, reason="the disk was full")
    imports.check()
    imports.apply()
    assert now(imports, bad).state == "APPLIED"
    assert len(imports.crm(ACTIVITIES)) == 2


def test_rows_whose_staged_files_are_gone_are_judged_again(imports: Imports) -> None:
    row = imports.bring("day_SL.csv", file_of(sold()))
    imports.check()
    assert imports.staging.prune(days=-1) == [f"arrival-{row.id}"]
    assert imports.apply() == {}
    assert imports.check() == {"checked": 1}
    assert imports.apply()["applied"] == 1


def test_a_database_that_does_not_answer_fails_the_step_and_counts_against_no_file(imports: Imports) -> None:
    row = imports.bring("day_SL.csv", file_of(sold()))
    imports.check()
    for _ in range(ATTEMPTS + 1):
        with pytest.raises(CrmUnavailableError, match="cannot be reached"):
            imports.apply(dms_dsn="postgresql://127.0.0.1:9/none?connect_timeout=2")
    assert (now(imports, row).state, now(imports, row).attempts) == ("CHECKED", 0)
    assert imports.apply()["applied"] == 1


def test_a_held_file_leaves_nothing_lying_about(imports: Imports) -> None:
    row = imports.bring("day_SL.csv", file_of(sold(), *[sold(Term="700", Amount_Financed="10")] * 30))
    imports.check()
    assert now(imports, row).state == "HELD"
    assert not Path(imports.staging.root, f"arrival-{row.id}").exists()


def test_a_kill_between_any_two_steps_ends_in_the_same_tables(
    imports: Imports, make_feed: Callable[..., Feed], archive_root: Path
) -> None:
    lines = [sold(DealNumber=f"D{n}", StockNumber=f"S{n}", LastName=f"Name {n % 3}", Email="") for n in range(9)]
    content = file_of(*lines, sold(SoldDate=""))
    row = imports.bring("killed_SL.csv", content)
    deaths = [*(f"check {step}" for step in CHECKING), *(f"apply {step}" for step in APPLYING)]
    told = {
        "ledger": imports.partner.ledger.dsn,
        "dms": imports.dms_dsn,
        "archive": str(archive_root),
        "staging": imports.staging.root,
        "reports": str(imports.folder / "reports"),
        "deaths": [*deaths, None],
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.imports.importer"], input=json.dumps(told), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [-signal.SIGKILL] * len(deaths) + [0]
    assert now(imports, row).state == "APPLIED"
    assert not Path(imports.staging.root, f"arrival-{row.id}").exists()
    assert verify(imports.partner.ledger.dsn).whole
    other = make_feed(below="undisturbed")
    drop(imports.partner.home / "undisturbed" / "whole_SL.csv", content)
    imports.partner.collect(other)
    imports.check()
    imports.apply()
    killed, whole = (
        imports.crm(EVERYTHING.replace("'{}'", f"'{feed.dealer}'")) for feed in (imports.partner.feed, other)
    )
    assert killed == whole
    assert killed[0][4] == 1
    assert len(json.loads(killed[0][0])) == 9
