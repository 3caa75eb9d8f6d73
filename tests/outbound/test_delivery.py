"""What a run does for the partner, the person on call and the ledger, on a good day and on bad ones."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from include.ledger import FileRow
from include.ledger.chain import verify
from include.outbound.conclude import UndeliveredError
from include.outbound.dealers import ExtractError
from include.outbound.extract import DmsUnavailableError
from include.sftp import PermanentTransferError, TransientTransferError
from include.window import WindowError
from local.partners.process import start_partner
from tests.outbound.changes import lose_codes, sell_dearer, tolerate
from tests.outbound.world import LAST_DAY, World, sha256_of, trailer_of


def test_partner_gets_what_plain_sql_counts_and_the_ledger_says(world: World) -> None:
    run = world.deliver()
    files, home, recount = world.files(run), world.home(), world.recount(LAST_DAY)
    assert {file.state for file in files} == {"PUBLISHED"}
    assert sorted(home) == sorted(str(file.file_name) for file in files)
    assert sum(rows for rows, _ in recount.values()) > 0
    for file in files:
        content = home[str(file.file_name)]
        assert sha256_of(content) == file.sha256
        assert trailer_of(content) == (file.rows, file.control_total) == recount.get(file.dealer, (0, 0))
    assert world.conclude(run) == {"PUBLISHED": len(files)}


def test_every_row_read_is_sent_rejected_or_withheld(world: World) -> None:
    for day in (LAST_DAY, LAST_DAY - timedelta(days=1)):
        run = world.deliver(day)
        files = world.files(run)
        assert run.rows == sum((f.rows or 0) + (f.rejected or 0) + (f.withheld or 0) for f in files)


def test_planted_defects_and_no_others_are_rejected_with_a_reason(world: World) -> None:
    window = world.window()
    planted = {
        str(key)
        for (key,) in world.query(
            "SELECT invoice_line_id FROM sample.sample_defect JOIN dms.v_trade_parts_sale_lines USING (invoice_line_id)"
            " WHERE posted_at >= %(start)s AND posted_at < %(end)s AND account_class = 'TRADE'"
            " AND NOT sharing_objection",
            {"start": window.start, "end": window.end},
        )
    }
    run = world.extract()
    world.check(run)
    with world.ledger() as ledger:
        found = {str(row.row_key): row.reasons for file_id in run.file_ids for row in ledger.rejected_rows(file_id)}
    assert planted
    assert set(found) == planted
    assert all(found.values())


def test_header_says_who_what_and_when(world: World) -> None:
    run = world.deliver()
    for file in world.files(run):
        header = world.home()[str(file.file_name)].decode().splitlines()[0].split(";")
        assert header[:6] == ["H", "merkle_sar_daily", "1.1.0", file.dealer, "merkle", "2026-11-20"]
        assert header[6:11] == ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "1", "0", "ORIGINAL"]


def test_no_retail_customer_and_no_other_dealer_is_in_a_file(world: World) -> None:
    run = world.deliver()
    accounts = {
        row[0]: row[1:]
        for row in world.query(
            "SELECT invoice_line_id, dealer_code, trade_account_number, account_class FROM dms.v_trade_parts_sale_lines"
        )
    }
    trade = {(code, account) for code, account, kind in accounts.values() if kind == "TRADE"}
    position = world.contract.table.delivered.index
    for file in world.files(run):
        text = io.StringIO(world.home()[str(file.file_name)].decode())
        for record in csv.reader(text, delimiter=";"):
            if record[0] == "D":
                code = record[1 + position("dealer_code")]
                assert code == file.dealer
                assert (code, record[1 + position("trade_account_number")]) in trade


def test_only_trade_partner_dealers_are_served(world: World) -> None:
    run = world.deliver()
    partners = world.query("SELECT dealer_code FROM dms.v_dealers WHERE trade_partner_dealer")
    others = world.query("SELECT dealer_code FROM dms.v_dealers WHERE NOT trade_partner_dealer")
    assert {file.dealer for file in world.files(run)} == {code for (code,) in partners}
    assert others


def test_a_day_without_sales_is_said_with_an_empty_file(world: World) -> None:
    idle = LAST_DAY - timedelta(days=400)
    world.change("UPDATE dms.dealer SET active_from = '2020-01-01'")
    run = world.deliver(idle)
    assert [(file.state, file.rows) for file in world.files(run)] == [("PUBLISHED", 0)] * len(run.file_ids)
    for content in world.home().values():
        assert [line.split(b";")[0] for line in content.splitlines()] == [b"H", b"T"]
        assert content.endswith(b"\nT;0;0.00\n")


def test_sequence_counts_per_dealer_without_gaps(world: World) -> None:
    days = [LAST_DAY - timedelta(days=n) for n in (2, 1, 0)]
    runs = [world.deliver(day) for day in days]
    for files in zip(*(sorted(world.files(run), key=lambda file: file.dealer) for run in runs), strict=True):
        assert [file.sequence for file in files] == [1, 2, 3]


def test_second_run_over_a_delivered_day_sends_nothing(world: World) -> None:
    first = world.deliver()
    before = world.home()
    second = world.deliver()
    assert second.file_ids == first.file_ids
    assert world.home() == before
    with world.ledger() as ledger:
        for file_id in first.file_ids:
            kinds = [event.kind for event in ledger.events(file_id)]
            assert kinds.count("PUBLISHED") == 1
            assert kinds[-1] == "UNCHANGED"


def test_changed_data_over_a_delivered_day_is_proposed_and_not_sent(world: World) -> None:
    run = world.deliver()
    before = world.home()
    file = max(world.files(run), key=lambda file: file.rows or 0)
    window = world.window()
    world.change(
        "UPDATE dms.parts_invoice_line SET unit_price = unit_price + 1, net_amount = net_amount + quantity "
        "WHERE parts_invoice_line_id IN "
        "(SELECT invoice_line_id FROM dms.v_trade_parts_sale_lines WHERE dealer_code = %(dealer)s "
        "AND posted_at >= %(start)s AND posted_at < %(end)s)",
        {"dealer": file.dealer, "start": window.start, "end": window.end},
    )
    world.deliver()
    assert world.home() == before
    with world.ledger() as ledger:
        proposals = ledger.files(states=["PROPOSED"])
        assert [(proposal.dealer, proposal.revision) for proposal in proposals] == [(file.dealer, 1)]
        assert ledger.file(file.id).state == "PUBLISHED"
    (proposal,) = proposals
    assert proposal.difference is not None
    assert proposal.difference["rows_before"] == file.rows
    assert str(proposal.difference["total_before"]) == str(file.control_total)
    assert proposal.control_total != file.control_total
    again = world.deliver()
    with world.ledger() as ledger:
        assert [row.id for row in ledger.files(states=["PROPOSED"])] == [proposal.id]
    assert "waits for a person" in "\n".join(world.said)
    assert world.conclude(again) == {"PUBLISHED": len(again.file_ids)}


def test_dealer_with_too_many_bad_rows_is_held_and_the_others_go(world: World) -> None:
    victim = world.query("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")[0][0]
    assert world.recount(LAST_DAY)[victim][0] > 3
    tolerate(world, rows=3)
    lose_codes(world, victim)
    run = world.deliver()
    states = {file.dealer: file for file in world.files(run)}
    assert states[victim].state == "HELD"
    assert {file.state for dealer, file in states.items() if dealer != victim} == {"PUBLISHED"}
    assert not any(victim in name for name in world.home())
    with pytest.raises(UndeliveredError) as red:
        world.conclude(run)
    assert f"1 of {len(run.file_ids)} files of merkle_sar_daily did not go" in str(red.value)
    assert f"{victim} 2026-11-20: HELD: file-rejectedRows" in str(red.value)
    assert "trade_partner_id" in str(red.value)


def test_held_file_goes_once_its_data_are_mended(world: World) -> None:
    test_dealer_with_too_many_bad_rows_is_held_and_the_others_go(world)
    world.change(
        "UPDATE dms.trade_account SET address_line_1 = 'Unit 4 Mill Road ' || r.trade_partner_id "
        "FROM dms.trade_partner_registration r WHERE r.trade_account_id = trade_account.trade_account_id "
        "AND address_line_1 = 'Unit 4 Mill Road'"
    )
    run = world.deliver()
    assert {file.state for file in world.files(run)} == {"PUBLISHED"}
    assert {file.sequence for file in world.files(run)} == {1}
    assert verify(world.ledger_dsn).first_broken_event_id is None


def test_dealer_without_a_number_is_held_by_name(world: World) -> None:
    world.change(
        "UPDATE dms.dealer SET renault_dealer_number = NULL WHERE dealer_id = "
        "(SELECT min(dealer_id) FROM dms.v_dealers WHERE trade_partner_dealer)"
    )
    run = world.deliver()
    held = [file for file in world.files(run) if file.state == "HELD"]
    assert len(held) == 1
    assert "has no dealer number in the DMS; enter it there" in str(held[0].reason)
    assert len(world.home()) == len(run.file_ids) - 1


def test_two_dealers_with_one_number_are_held_by_name_and_the_others_go(world: World) -> None:
    numbers = [n for (n,) in world.query("SELECT dealer_code FROM dms.v_dealers WHERE trade_partner_dealer ORDER BY 1")]
    world.change(
        "UPDATE dms.dealer SET renault_dealer_number = %(first)s WHERE renault_dealer_number = %(second)s",
        {"first": numbers[0], "second": numbers[1]},
    )
    run = world.deliver()
    states = {file.dealer: file for file in world.files(run)}
    assert states[numbers[0]].state == "HELD"
    assert f"have the one number {numbers[0]} in the DMS; correct it there" in str(states[numbers[0]].reason)
    assert {file.state for dealer, file in states.items() if dealer != numbers[0]} == {"PUBLISHED"}


def test_dealer_whose_rows_are_all_rejected_does_not_say_that_nothing_was_sold(world: World) -> None:
    victim = world.query("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")[0][0]
    assert world.recount(LAST_DAY)[victim][0] > 0
    tolerate(world, rows=1000)
    lose_codes(world, victim)
    held = [file for file in world.files(world.deliver()) if file.dealer == victim]
    assert [file.state for file in held] == ["HELD"]
    assert "an empty file would say nothing was sold" in str(held[0].reason)


def release_all(world: World) -> list[FileRow]:
    """Release every proposal, as a person does; return them as they were proposed."""
    with world.ledger("person:oncall") as ledger:
        proposals = ledger.files(states=["PROPOSED"])
        for proposal in proposals:
            ledger.move(proposal.id, "PLANNED", reason="the dealer corrected its prices")
    assert proposals
    return proposals


def test_released_revision_whose_data_change_again_waits_for_a_person_however_often_it_is_run(world: World) -> None:
    world.deliver()
    before = world.home()
    sell_dearer(world)
    world.deliver()
    released = {proposal.id for proposal in release_all(world)}
    sell_dearer(world)
    for _ in range(2):
        again = [file for file in world.files(world.deliver()) if file.id in released]
        assert world.home() == before
        assert {file.state for file in again} == {"HELD"}
        assert all("changed again since this revision was released" in str(file.reason) for file in again)


def test_released_revision_goes_with_the_next_run_and_replaces_what_went(world: World) -> None:
    first = world.deliver()
    sell_dearer(world)
    world.deliver()
    proposals = release_all(world)
    run = world.deliver()
    with world.ledger() as ledger:
        for proposal in proposals:
            file = ledger.file(proposal.id)
            assert (file.state, file.revision, file.sequence) == ("PUBLISHED", 1, 2)
            assert file.content_hash == proposal.content_hash
            assert proposal.supersedes is not None
            assert ledger.file(proposal.supersedes).state == "SUPERSEDED"
    assert len(world.home()) == len(first.file_ids) + len(proposals)
    assert world.conclude(run) == {"PUBLISHED": len(run.file_ids)}


def test_check_cleared_after_a_green_run_does_nothing(world: World) -> None:
    run = world.deliver()
    world.conclude(run)
    world.staging.remove(str(run.batch_id))
    before = world.home()
    assert world.check(run) == {}
    assert world.render(run) == {"gated": 0, "held": 0}
    assert world.publish(run) == {"PUBLISHED": len(run.file_ids)}
    assert world.home() == before


def test_wrong_login_at_the_dms_is_no_reason_to_try_again(world: World) -> None:
    world.dms_dsn = world.dms_dsn.replace("postgres@", "nobody_of_ours@")
    with pytest.raises(ExtractError, match="the DMS database refuses us") as red:
        world.extract()
    assert not isinstance(red.value, DmsUnavailableError)


def test_dealers_that_name_nobody_are_refused_with_those_there_are(world: World) -> None:
    with pytest.raises(
        ExtractError, match=r"dealers names 82699999, who is none of trade_partner_dealers .* there are 826"
    ):
        world.extract(dealers=["82699999"])


def test_chosen_dealers_alone_are_served(world: World) -> None:
    chosen = world.query("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")[0][0]
    run = world.deliver(dealers=[chosen])
    assert [file.dealer for file in world.files(run)] == [chosen]
    assert len(world.home()) == 1


def test_a_day_that_is_not_over_is_refused(world: World) -> None:
    with pytest.raises(WindowError, match=r"2026-11-20 .* is not over"):
        world.extract(now=datetime(2026, 11, 20, 23, 0, tzinfo=UTC))
    assert world.home() == {}


def test_unreachable_database_is_named_without_its_password(world: World) -> None:
    world.dms_dsn = "postgresql://reader:hunter2@127.0.0.1:1/dms"
    with pytest.raises(DmsUnavailableError, match=r"DMS database does not answer .* check the connection `dms`") as red:
        world.extract()
    assert "hunter2" not in str(red.value)


def test_view_that_lost_a_column_stops_the_run_before_anything_is_sent(world: World) -> None:
    world.change("ALTER VIEW dms.v_parts_documents RENAME COLUMN currency TO currency_code")
    with pytest.raises(ExtractError, match=r"merkle_sar_daily\.sql does not run on this DMS.*currency"):
        world.extract()
    assert world.home() == {}


def test_unreachable_partner_leaves_the_files_ready_for_the_next_try(world: World) -> None:
    run = world.extract()
    world.check(run)
    world.render(run)
    there, world.partner = world.partner, replace(world.partner, port=1)
    with pytest.raises(TransientTransferError, match=r"127\.0\.0\.1:1"):
        world.publish(run)
    assert {file.state for file in world.files(run)} == {"GATED"}
    world.partner = there
    assert world.publish(run) == {"PUBLISHED": len(run.file_ids)}


def test_changed_host_key_is_permanent_and_nothing_is_sent(world: World, tmp_path: Path) -> None:
    run = world.extract()
    world.check(run)
    world.render(run)
    with start_partner(tmp_path / "impostor", ["merkle"]) as impostor:
        world.partner = replace(world.partner, port=impostor["merkle"].port)
        with pytest.raises(PermanentTransferError, match="host key"):
            world.publish(run)
        assert list((impostor["merkle"].home / "inbound" / "sar").iterdir()) == []
    assert {file.state for file in world.files(run)} == {"GATED"}


def test_two_runs_at_once_send_each_file_once(world: World) -> None:
    def deliver(_: int) -> str:
        other = World(world.folder, world.dms_dsn, world.ledger_dsn, world.partner, world.gate)
        try:
            return "done" if other.deliver() else ""
        except Exception as error:  # A run that meets the other may fail; it must not send twice.
            return type(error).__name__

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(deliver, range(2)))
    run = world.deliver()
    files = world.files(run)
    assert {file.state for file in files} == {"PUBLISHED"}, outcomes
    assert len(world.home()) == len(files)
    with world.ledger() as ledger:
        for file in files:
            assert [event.kind for event in ledger.events(file.id)].count("PUBLISHED") == 1
    assert {file.sequence for file in files} == {1}


def test_no_personal_value_reaches_log_or_ledger(world: World) -> None:
    run = world.deliver()
    world.conclude(run)
    personal = {
        str(value)
        for row in world.query(
            "SELECT DISTINCT trade_account_number, trade_partner_id FROM dms.v_trade_parts_sale_lines"
            " WHERE account_class = 'TRADE'"
        )
        for value in row
        if value and len(str(value)) >= 4
    }
    with psycopg2.connect(world.ledger_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'ledger'")
        tables = [name for (name,) in cursor.fetchall()]
        kept = ""
        for name in tables:
            cursor.execute(f'SELECT "row"::text FROM ledger."{name}" AS "row"')
            kept += "\n".join(text for (text,) in cursor.fetchall())
    reports = b"".join(path.read_bytes() for path in (world.folder / "reports").rglob("*") if path.is_file()).decode()
    words = set(kept.replace(",", " ").replace('"', " ").replace("(", " ").split()) | set(" ".join(world.said).split())
    assert tables
    assert personal
    assert personal & words == set()
    assert [value for value in personal if f'"{value}"' in reports or f">{value}<" in reports] == []


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_rows_at_the_edges_of_days_when_the_clock_changes_go_once(world: World, day: date) -> None:
    window = world.window(day)
    world.change("UPDATE dms.dealer SET active_from = '2020-01-01'")
    keys = [
        key
        for (key,) in world.query(
            "SELECT DISTINCT i.parts_invoice_id FROM dms.parts_invoice i JOIN dms.v_trade_parts_sale_lines v "
            "ON v.document_number = i.document_number AND v.dealer_id = i.dealer_id WHERE v.account_class = 'TRADE' "
            "AND NOT v.sharing_objection AND v.document_type = 'INVOICE' AND i.document_type = 'INVOICE' "
            "AND NOT EXISTS (SELECT FROM sample.sample_defect d WHERE d.invoice_line_id = v.invoice_line_id) "
            "ORDER BY 1 LIMIT 3"
        )
    ]
    for key, instant in zip(keys, (window.start, window.end - timedelta(seconds=1), window.end), strict=True):
        world.change(
            "UPDATE dms.parts_invoice SET posted_at = %(at)s, document_date = %(day)s WHERE parts_invoice_id = %(key)s",
            {"at": instant, "day": day, "key": key},
        )
    days = {at: world.deliver(at) for at in (day - timedelta(days=1), day, day + timedelta(days=1))}
    read = {at: run.rows for at, run in days.items()}
    lines = dict(world.query("SELECT parts_invoice_id, count(*) FROM dms.parts_invoice_line GROUP BY parts_invoice_id"))
    assert read[day - timedelta(days=1)] == 0
    assert read[day] == lines[keys[0]] + lines[keys[1]]
    assert read[day + timedelta(days=1)] == lines[keys[2]]
