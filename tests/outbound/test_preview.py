"""A preview makes and reads everything, sends nothing, and says what delivering would do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.ledger import FileRow
from include.outbound.conclude import UndeliveredError
from include.publish import publish_files
from include.publish.protocol import NotPublishable
from tests.outbound.world import LAST_DAY, World

ONE_MORE = """
INSERT INTO dms.parts_invoice_line (parts_invoice_id, line_number, part_number, quantity, unit_price, net_amount,
    vat_amount)
SELECT document_id, 900, '7701234567', 1, 10.00, 10.00, 2.00
  FROM dms.v_parts_documents AS document
 WHERE dealer_code = %(dealer)s AND account_class = 'TRADE' AND document_type = 'INVOICE' AND NOT sharing_objection
   AND posted_at >= %(start)s AND posted_at < %(end)s AND sale_channel <> 'INTERNAL'
   AND trade_partner_id = registered_trade_partner_id AND document_date <= %(day)s
   AND EXISTS (SELECT FROM dms.v_parts_document_lines AS line WHERE line.document_id = document.document_id
               AND line.invoice_line_id NOT IN (SELECT invoice_line_id FROM sample.sample_defect))
 ORDER BY document_id LIMIT 1
"""


def preview(world: World, dealer: str | None = None) -> dict[str, str]:
    """Run a preview to its end and return its verdict per dealer."""
    run = world.deliver(dealers=[dealer] if dealer else [], environment="preview")
    world.conclude(run)
    return {file.dealer: file.reason or "" for file in world.files(run)}


def add_a_line(world: World, dealer: str) -> None:
    window = world.window()
    values = {"dealer": dealer, "start": window.start, "end": window.end, "day": LAST_DAY}
    assert world.change(ONE_MORE, values) == 1


def live(world: World) -> dict[str, FileRow]:
    with world.ledger() as ledger:
        return {file.dealer: file for file in ledger.files(interface="merkle_sar_daily") if file.revision == 0}


def test_of_a_day_that_never_went_it_says_what_would_be_sent(world: World) -> None:
    verdicts = preview(world)
    assert verdicts
    assert all(said.startswith("would be sent: ") and " rows, total " in said for said in verdicts.values())
    assert world.home() == {}
    assert live(world) == {}, "a preview leaves no live row"
    assert any("a preview: nothing is sent" in line for line in world.said)


def test_it_uses_up_no_live_number_and_its_bytes_say_what_they_are(world: World) -> None:
    run = world.extract(environment="preview")
    world.check(run)
    world.render(run)
    for file in world.files(run):
        with world.archive.local_path(str(file.sha256)) as path:
            assert path.read_text().splitlines()[0].split(";")[-2] == "preview"
    world.conclude(run)
    assert {file.sequence for file in world.files(world.deliver())} == {1}


def test_of_a_delivered_day_it_says_same_or_what_is_different(world: World) -> None:
    world.deliver()
    sent = live(world)
    dealer = sorted(sent)[0]
    add_a_line(world, dealer)
    home = world.home()
    verdicts = preview(world)
    before = sent[dealer]
    assert verdicts.pop(dealer) == (
        f"differs from {before.file_name}, which was delivered: 1 rows added, 0 removed, 0 changed, {before.rows} → "
        f"{(before.rows or 0) + 1} rows, {before.control_total} → {(before.control_total or 0) + 10}; a revision would "
        "be proposed"
    )
    assert all(said.endswith("nothing would be sent") for said in verdicts.values())
    assert world.home() == home
    with world.ledger() as ledger:
        assert ledger.files(states=["PROPOSED"]) == [], "a preview proposes nothing"


def test_the_next_preview_takes_the_window_up_again(world: World) -> None:
    dealer = sorted(preview(world))[0]
    add_a_line(world, dealer)
    first, second = preview(world, dealer)[dealer], preview(world, dealer)[dealer]
    assert first == second
    with world.ledger() as ledger:
        assert len(ledger.files(environment="preview", dealer=dealer)) == 1


def test_one_that_was_killed_half_way_is_taken_up_by_the_next(world: World) -> None:
    run = world.extract(environment="preview")
    world.check(run)
    assert all(said.startswith("would be sent") for said in preview(world).values())
    stopped = world.extract(LAST_DAY - timedelta(days=1), environment="preview")
    for _ in range(2):  # Clearing the run does not make it green: nothing was previewed.
        with pytest.raises(UndeliveredError, match="stopped half-way"):
            world.conclude(stopped)


def test_a_paused_feed_is_not_previewed_either(world: World) -> None:
    dealer = sorted(preview(world))[0]
    with world.ledger("person:oncall") as ledger:
        ledger.set_feed("merkle_sar_daily", dealer, "live", "paused", reason="the dealer moves house")
    run = world.extract(environment="preview")
    assert dealer not in {file.dealer for file in world.files(run)}


def test_a_file_held_with_its_bytes_would_stay_held(world: World) -> None:
    run = world.extract()
    world.check(run)
    world.render(run)
    file = world.files(run)[0]
    with world.ledger() as ledger:
        ledger.move(file.id, "HELD", reason="the partner asks to wait")
    assert preview(world, file.dealer)[file.dealer] == (
        f"would stay held until a person releases {file.file_name}: the partner asks to wait"
    )


def test_it_says_what_would_be_held(world: World) -> None:
    dealer = sorted(preview(world))[0]
    world.change("UPDATE dms.parts_invoice_line SET net_amount = net_amount + 1000")
    assert preview(world, dealer)[dealer].startswith("would be held: ")


def test_no_protocol_sends_one(world: World) -> None:
    run = world.extract(environment="preview")
    world.check(run)
    world.render(run)
    with world.ledger() as ledger, pytest.raises(NotPublishable, match="is a preview, which is never sent"):
        list(publish_files(world.partner.endpoint(), ledger, world.archive, run.file_ids, remote_dir="/inbound/sar"))
    assert world.home() == {}
