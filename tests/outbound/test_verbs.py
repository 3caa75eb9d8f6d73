"""What release, reject and redeliver do to a delivery, end to end."""

from __future__ import annotations

import pytest

from include.ledger import FileRow, TransitionError
from include.ledger.chain import verify
from tests.outbound.changes import lose_codes, sell_dearer, tolerate
from tests.outbound.world import LAST_DAY, World, trailer_of

MARK, CORRECTS = 10, 11  # places in the daily header, counted from the record type


def header_of(content: bytes) -> list[str]:
    return content.decode().splitlines()[0].split(";")


def proposals(world: World) -> list[FileRow]:
    with world.ledger() as ledger:
        return ledger.files(states=["PROPOSED"])


def in_state(world: World, state: str) -> list[FileRow]:
    with world.ledger() as ledger:
        return ledger.files(states=[state])


def test_released_revision_bears_the_mark_and_the_number_of_what_it_replaces(world: World) -> None:
    world.deliver()
    original = world.home()
    assert {tuple(header_of(content)[MARK : CORRECTS + 1]) for content in original.values()} == {("ORIGINAL", "")}
    sell_dearer(world)
    world.deliver()
    with world.ledger("person:oncall") as ledger:
        for proposal in proposals(world):
            ledger.release(proposal.id, reason="the dealer corrected its prices")
    world.deliver()
    corrections = [content for name, content in world.home().items() if name not in original]
    assert corrections
    assert {tuple(header_of(content)[MARK : CORRECTS + 1]) for content in corrections} == {("CORRECTION", "1")}
    assert {header_of(content)[8] for content in corrections} == {"2"}, "a correction has a number of its own"
    assert verify(world.ledger_dsn).whole


def test_a_proposal_says_which_rows_changed(world: World) -> None:
    world.deliver()
    sell_dearer(world)
    world.deliver()
    for proposal in proposals(world):
        assert proposal.difference is not None
        numbers = {name: int(proposal.difference[name]) for name in ("rows_added", "rows_removed", "rows_changed")}
        assert numbers == {"rows_added": 0, "rows_removed": 0, "rows_changed": proposal.rows}


def test_refused_revision_is_not_proposed_again_until_the_data_are_others(world: World) -> None:
    world.deliver()
    before = world.home()
    sell_dearer(world)
    world.deliver()
    refused = proposals(world)
    with world.ledger("person:oncall") as ledger:
        for proposal in refused:
            ledger.reject(proposal.id, reason="a mistake of the price list; the dealer takes it back")
    world.deliver()
    assert proposals(world) == []
    assert any("a person refused just that as revision 1 (a mistake of the price list" in line for line in world.said)
    sell_dearer(world)
    world.deliver()
    assert {proposal.revision for proposal in proposals(world)} == {2}
    assert world.home() == before


def test_redelivery_sends_the_same_bytes_under_the_same_number(world: World) -> None:
    run = world.deliver()
    before = world.home()
    file = world.files(run)[0]
    (world.partner.home / "inbound" / "sar" / str(file.file_name)).unlink()
    with world.ledger("person:oncall") as ledger:
        ledger.redeliver(file.id, reason="Merkle lost it in a disk failure")
    world.deliver()
    assert world.home() == before
    with world.ledger() as ledger:
        again = ledger.file(file.id)
        kinds = [event.kind for event in ledger.events(file.id)]
    assert (again.state, again.sequence, again.sha256) == ("PUBLISHED", file.sequence, file.sha256)
    assert again.published_at == file.published_at, "the first delivery stays on record"
    assert kinds.count("PUBLISHED") == 2
    assert verify(world.ledger_dsn).whole


def test_redelivery_of_what_is_still_there_touches_nothing(world: World) -> None:
    run = world.deliver()
    file = world.files(run)[0]
    path = world.partner.home / "inbound" / "sar" / str(file.file_name)
    before = path.stat().st_mtime_ns
    with world.ledger("person:oncall") as ledger:
        ledger.redeliver(file.id, reason="Merkle asks for it")
    world.deliver()
    assert path.stat().st_mtime_ns == before
    assert world.files(run)[0].state == "PUBLISHED"


def test_file_held_for_its_rejected_rows_goes_without_them_once_released(world: World) -> None:
    victim = world.query("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")[0][0]
    tolerate(world, rows=3)
    lose_codes(world, victim, share=2)
    world.deliver()
    (held,) = in_state(world, "HELD")
    assert held.rejected
    world.deliver()
    assert [file.id for file in in_state(world, "HELD")] == [held.id], "nothing lets it go by itself"
    with world.ledger("person:oncall") as ledger:
        ledger.release(held.id, reason="the dealer mends the addresses next week; send what is good")
    world.deliver()
    with world.ledger() as ledger:
        sent = ledger.file(held.id)
    assert sent.state == "PUBLISHED"
    assert (sent.rows, sent.control_total) == trailer_of(world.home()[str(sent.file_name)])
    assert sent.rejected == held.rejected


def test_release_holds_for_what_was_seen_only(world: World) -> None:
    victim = world.query("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")[0][0]
    tolerate(world, rows=3)
    lose_codes(world, victim, share=2)
    world.deliver()
    (held,) = in_state(world, "HELD")
    with world.ledger("person:oncall") as ledger:
        ledger.release(held.id, reason="send what is good")
    sell_dearer(world)
    world.deliver()
    assert [file.id for file in in_state(world, "HELD")] == [held.id]
    assert all(held.dealer not in name for name in world.home())


def test_superseded_file_cannot_be_redelivered(world: World) -> None:
    world.deliver()
    sell_dearer(world)
    world.deliver()
    (first, *_) = proposals(world)
    with world.ledger("person:oncall") as ledger:
        ledger.release(first.id, reason="prices corrected")
    world.deliver(LAST_DAY, [first.dealer])
    assert first.supersedes is not None
    with world.ledger("person:oncall") as ledger, pytest.raises(TransitionError, match="revision 1"):
        ledger.redeliver(first.supersedes, reason="asked for")
