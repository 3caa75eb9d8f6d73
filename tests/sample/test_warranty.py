"""The manufacturer's payment files posted and taken through every inbound step, beside the sample's own list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg2
import pytest
from fsspec.implementations.local import LocalFileSystem

from include.archive import Archive
from include.collect import collect, remove
from include.contract import load_contract
from include.feeds import feeds
from include.imports.apply import apply_arrivals
from include.imports.check import check_arrivals
from include.ledger import Ledger
from include.ledger.chain import verify
from include.quality.gate import GateProcess
from include.sftp import Endpoint
from include.staging import Staging
from include.warranty.decisions import decide, move, reverse
from include.warranty.payments import COLUMNS, Header, post_payment
from local.partners.process import start_partner
from local.sample.warranty import (
    INTERFACE,
    Comparison,
    WarrantySample,
    add_payments_feed,
    compare,
    drop,
    load,
    open_books,
    put,
    warranty_sample,
)
from local.sample.warranty.book import Document

UNTIL = date(2026, 11, 20)
OUTCOMES = {"FULL", "UNDER", "OVER", "REJECTED", "DUPLICATE", "UNMATCHED"}
REASONS = {
    "UNKNOWN_RETAIL_DEALER", "OTHER_MAIN_DEALER", "AMBIGUOUS", "BY_WORK_ORDER", "OTHER_CURRENCY", "VIN_DIFFERS",
    "WORK_ORDER_DIFFERS", "REPAIR_DATE_DIFFERS", "BEFORE_SUBMISSION", "CLAIM_COMPLETE", "NO_CLAIM",
}  # fmt: skip


@dataclass
class World:
    """The sample at the manufacturer's server, and a day that goes on with each run."""

    sample: WarrantySample
    ledger: Ledger
    dms_dsn: str
    home: Path
    endpoint: Endpoint
    folder: Path
    gate: GateProcess
    now: datetime = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)

    def run(self) -> None:
        """From listing to removal, once."""
        self.now += timedelta(minutes=5)
        archive = Archive(LocalFileSystem(), str(self.folder / "archive"))
        staging = Staging(LocalFileSystem(), str(self.folder / "staging"))
        contract, known = load_contract(INTERFACE), feeds(self.ledger, interface=INTERFACE)
        collect(
            INTERFACE, known, lambda _: self.endpoint, ledger=self.ledger, archive=archive,
            now=lambda: self.now, stable_seconds=0.0, wait=None,
        )  # fmt: skip
        check_arrivals(
            contract, ledger=self.ledger, archive=archive, staging=staging, run_key=f"{self.now:%H%M}",
            reports_root=str(self.folder / "reports"), gate=nullcontext(self.gate),
        )  # fmt: skip
        apply_arrivals(contract, ledger=self.ledger, staging=staging, dms_dsn=self.dms_dsn)
        remove(known, None, lambda _: self.endpoint, ledger=self.ledger, archive=archive)

    def compared(self) -> Comparison:
        return compare(self.sample, ledger_dsn=self.ledger.dsn, dms_dsn=self.dms_dsn, home=self.home)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(psycopg2.connect(self.dms_dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@pytest.fixture(scope="module")
def world(ledger_dsn: str, dms_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("warranty")
    sample = warranty_sample(1, UNTIL)
    with (
        start_partner(folder / "partners", ["renault"]) as partners,
        Ledger(ledger_dsn, actor="test:sample") as ledger,
        GateProcess() as gate,
    ):
        partner = partners["renault"]
        open_books(dms_dsn, sample)
        add_payments_feed(ledger, partner.home)
        world = World(sample, ledger, dms_dsn, partner.home, partner.endpoint(), folder, gate)
        for wave in ("past", "today"):
            drop(sample, partner.home, wave)
            world.run()
        yield world


def test_everything_becomes_what_the_list_says(world: World) -> None:
    """First in the file: the tests after it begin with what it brings in."""
    waiting = [place for place, told in world.compared().planted.items() if "until its" in told.case]
    before = {place: world.compared().found[place].why for place in waiting}
    assert len(before) > 20
    # On account, until the later load tells their claims, or the number of one that is known by its work order.
    assert set(before.values()) == {"NO_CLAIM", "BY_WORK_ORDER"}

    assert load(world.dms_dsn, world.sample, 2) is not None
    drop(world.sample, world.home, "later")
    world.run()

    found = world.compared()
    assert found.differences == [], "\n".join(["", *found.differences[:40], found.table()])
    assert (found.precision, found.recall, found.wrong_matches) == (1.0, 1.0, 0)
    assert found.claims == (len(world.sample.claims), len(world.sample.claims))
    assert verify(world.ledger.dsn).whole


def test_whatever_comes_again_changes_nothing(world: World) -> None:
    before = _books(world)
    open_books(world.dms_dsn, world.sample)
    assert [load(world.dms_dsn, world.sample, number) for number in (0, 1, 2)] == [None] * 3
    assert [drop(world.sample, world.home, wave) for wave in ("past", "today", "later")] == [0] * 3
    copied = world.sample.files[1]
    for number in (7001, 7002):
        put(replace(copied, name=f"GAREXP_20261121_{number}.csv", mtime=copied.mtime + number), world.home)
    world.run()
    assert _books(world) == before
    # Files that somebody else puts down are nobody's difference.
    assert world.compared().differences == []


def test_what_people_decide_and_bring_is_no_difference(world: World) -> None:
    """They are meant to try it: the next ``make run`` must not be red for it."""
    dsn = world.dms_dsn
    [(under, over, full)] = world.rows(
        "SELECT min(claim_id) FILTER (WHERE open > 0 AND settled > 0), min(claim_id) FILTER (WHERE on_account > 0), "
        "(SELECT min(line_id) FROM warranty.assessment WHERE outcome = 'FULL' AND dealer = '82690057') "
        "FROM warranty.v_claim WHERE dealer = '82690057'"
    )
    [(unpaid, number)] = world.rows(
        "SELECT claim_id, claim_number FROM warranty.v_claim WHERE dealer = '82690057' AND status = 20 LIMIT 1"
    )
    why = "to see what happens"
    made = [
        decide(dsn, int(str(under)), "WRITE_OFF", reason=why, who="test"),
        decide(dsn, int(str(over)), "WRITE_OFF", reason=why, who="test"),
        move(dsn, int(str(unpaid)), line_id=int(str(full)), reason=why, who="test"),
    ]
    document = Document("OWN1", UNTIL)
    claim = next(each for each in world.sample.claims if each.number == number)
    document.pay(claim, claim.claimed, "FULL", "of one's own")
    post_payment(dsn, *_as_posted(document))
    found = world.compared()
    assert found.differences == []
    assert found.recall == 1.0
    for decision in made:
        reverse(dsn, decision, reason=why, who="test")
    assert world.compared().differences == []


def test_a_comparison_finds_what_is_other_than_planted(world: World) -> None:
    """Else it would hold whatever the product does."""
    a_full_line = "(SELECT min(line_id) FROM warranty.assessment WHERE outcome = 'FULL' AND dealer = '82690001')"
    changes = {
        "UNDER NUMBER": f"UPDATE warranty.assessment SET outcome = 'UNDER' WHERE line_id = {a_full_line}",
        "given to claim": "UPDATE warranty.assessment a SET claim_id = c.claim_id "
        "FROM (SELECT max(claim_id) AS claim_id FROM warranty.claim) c WHERE line_id = "
        "(SELECT max(line_id) FROM warranty.assessment WHERE rule = 'EARLIER_NUMBER')",
        "status 99": "UPDATE warranty.claim SET status = 99 WHERE claim_id = "
        "(SELECT min(claim_id) FROM warranty.claim WHERE status = 50)",
        "MANUFACTURER GBP": "WITH j AS (INSERT INTO warranty.journal (kind, entry_count) VALUES ('REMATCH', 2) "
        "RETURNING journal_id) INSERT INTO warranty.entry (journal_id, dealer, account, currency, payment_id, "
        "claim_id, amount) SELECT journal_id, '82690001', v.account, 'GBP', v.payment_id, v.claim_id, v.amount FROM j, "
        "(SELECT 'MANUFACTURER' AS account, min(payment_id) AS payment_id, NULL::bigint AS claim_id, 0.01 AS amount "
        "FROM warranty.payment UNION ALL SELECT 'CLAIMS', NULL, min(claim_id), -0.01 FROM warranty.claim) v",
    }
    told: set[str] = set()
    for words, change in changes.items():
        with closing(psycopg2.connect(world.dms_dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            cursor.execute(change)
            assert cursor.rowcount > 0
        found = world.compared()
        more = set(found.differences) - told
        assert any(words in difference for difference in more), more
        told |= more
    assert found.wrong_matches == 1
    assert found.precision < 1.0
    held = next(file for file in world.sample.files if file.fate.state == "HELD")
    (world.home / "payments" / held.name).unlink()
    more = set(world.compared().differences) - told
    assert more == {f"{held.name} ({held.case}): removed at the partner, foretold otherwise"}


def test_the_list_holds_in_another_order_without_files_at_all(
    new_dms_dsn: str, new_ledger_dsn: str, tmp_path: Path
) -> None:
    """Straight into the books: claims all at once, the last document first, each of them twice."""
    sample = warranty_sample(7, date(2025, 1, 3))
    open_books(new_dms_dsn, sample)
    load(new_dms_dsn, sample, 2)
    for document in [*reversed(sample.documents), *sample.documents]:
        post_payment(new_dms_dsn, *_as_posted(document))
    found = compare(sample, ledger_dsn=new_ledger_dsn, dms_dsn=new_dms_dsn, home=tmp_path)
    about_files = [words for words in found.differences if words.startswith("GAREXP_")]
    assert [words for words in found.differences if words not in about_files] == []
    assert (found.precision, found.recall, found.wrong_matches) == (1.0, 1.0, 0)


def test_it_plants_every_outcome_and_every_reason() -> None:
    sample = warranty_sample(1, UNTIL)
    told = [line.told for document in sample.documents for line in document.lines]
    assert {each.outcome for each in told} == OUTCOMES
    assert {each.why for each in told} == REASONS | {"NUMBER", "EARLIER_NUMBER"}
    assert {claim.stands.status for claim in sample.claims} == {10, 20, 40, 50, 99}
    codes = Counter((file.fate.state, file.fate.code, file.fate.copy) for file in sample.files)
    assert codes == {
        ("REMOVED", None, False): 5, ("REMOVED", None, True): 1, ("HELD", None, False): 1,
        ("REJECTED", "TOTALS", False): 1, ("REJECTED", "ROWS", False): 1, ("REJECTED", "HEADER_RECORD", False): 1,
    }  # fmt: skip
    assert all(len({line.code for line in document.lines}) > 4 for document in sample.documents)
    assert len(told) > 500


def test_its_list_agrees_with_itself() -> None:
    """What is said of claims is what is said of lines: a slip of the pen in one would hide in the other."""
    sample = warranty_sample(1, UNTIL)
    paid = Counter[tuple[str, str]]()
    for document in sample.documents:
        for line in document.lines:
            if line.told.claim is not None:
                paid[line.told.claim] += line.told.gross  # type: ignore[assignment]
    for claim in sample.claims:
        assert claim.stands.paid == paid[claim.known_as], claim.known_as
        assert 0 <= claim.stands.settled <= claim.claimed.gross
    totals = Counter[tuple[str, str]]()
    for (dealer, _, currency), amount in sample.balances().items():
        totals[dealer, currency] += amount  # type: ignore[assignment]
    assert set(totals.values()) == {0}


def test_it_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    one, two, other = (warranty_sample(seed, UNTIL) for seed in (1, 1, 2))
    assert one == two
    assert [file.content for file in one.files] != [file.content for file in other.files]


def _as_posted(document: Document) -> tuple[Header, pl.DataFrame]:
    sums = document.sums
    header = Header(
        document.number,
        document.day,
        document.currency,
        sums.labour,
        sums.parts,
        sums.subcontract,
        sums.handling,
        sums.vat,
    )
    rows = [
        {
            "line_no": str(number), "dealer_code": line.main, "retail_code": line.code, "claim_number": line.number,
            "work_order": line.work_order, "vin": line.vin, "reject_code": line.reject,
            "repair_date": "" if line.repair_date is None else line.repair_date.isoformat(), **line.money.texts(),
        }
        for number, line in enumerate(document.lines, 1)
    ]  # fmt: skip
    return header, pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))


def _books(world: World) -> list[tuple[object, ...]]:
    """Every row that could move, with the transaction that wrote it last."""
    return world.rows(
        "SELECT xmin::text, 'claim', claim_id, status FROM warranty.claim UNION ALL "
        "SELECT xmin::text, outcome, line_id, 0 FROM warranty.assessment UNION ALL "
        "SELECT xmin::text, account, journal_id, 0 FROM warranty.entry ORDER BY 2, 3, 1"
    )
