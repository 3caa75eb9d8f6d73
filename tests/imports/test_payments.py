"""Payment files from the partner's directory into the warranty books: posted once, refused, held, or in suspense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from include.feeds import Feed
from include.imports.conclude import UnfinishedError
from include.quality.gate import GateProcess
from include.staging import Staging
from include.warranty.claims import set_retail_dealer
from include.warranty.payments import post_payment
from tests.collect.collecting import Partner
from tests.imports.importing import Imports
from tests.imports.payments import VIN, paid, payment
from tests.warranty.books import Books, claim

PATTERN = r"^GAREXP_[0-9]+\.csv$"


@pytest.fixture
def payments(
    partner: Partner, make_feed: Callable[..., Feed], gate: GateProcess, new_dms_dsn: str, tmp_path: Path
) -> Imports:
    """A feed of payment files, and books with two dealers and two claims."""
    feed = make_feed(below="payments", interface="renault_warranty_payments", pattern=PATTERN, date_format="%d/%m/%Y")
    own = replace(partner, feed=feed, home=partner.home / "payments")
    books = Books(new_dms_dsn).open()
    books.load(claim("C1"), claim("C2", retail_code="R2"))
    staging = Staging(LocalFileSystem(), str(tmp_path / "staging"))
    return Imports(own, staging, gate, new_dms_dsn, tmp_path, "renault_warranty_payments")


def run(payments: Imports) -> dict[str, str]:
    payments.partner.collect()
    payments.check()
    payments.apply()
    payments.partner.remove(None)
    return dict(payments.partner.states())


def test_a_file_is_posted_and_removed_and_a_copy_of_it_posts_nothing(payments: Imports) -> None:
    begun = datetime.now(UTC)
    content = payment("CN1", paid("C1"), paid("C2", "60.00", RetailDealer="R2"), paid("C9"))
    payments.bring("GAREXP_1.csv", content)
    payments.bring("GAREXP_2.csv", content)
    assert run(payments) == {"GAREXP_1.csv": "REMOVED", "GAREXP_2.csv": "REMOVED"}
    assert payments.partner.names() == []
    assert Books(payments.dms_dsn).outcomes() == {
        ("CN1", 1): ("FULL", "K-C1", "NUMBER"),
        ("CN1", 2): ("UNDER", "K-C2", "NUMBER"),
        ("CN1", 3): ("UNMATCHED", None, "NO_CLAIM"),
    }
    done, said = payments.conclude(begun)
    assert "payment lines: 3, of them 1 in full, 1 under-paid, 0 over-paid, 0 rejected" in said[0]
    assert "1 of no claim, whose money is on account" in said[-1]
    assert (done.counts["lines"], done.counts["full"]) == (3, 1)
    assert VIN not in "".join(said)


def test_the_same_document_in_another_writing_posts_nothing_and_with_other_content_is_held(payments: Imports) -> None:
    payments.bring("GAREXP_1.csv", payment("CN1", paid("C1")))
    run(payments)
    there = Books(payments.dms_dsn).balances()
    payments.bring("GAREXP_2.csv", payment("CN1", paid("C1")).replace(b"\n", b"\r\n"))
    assert run(payments)["GAREXP_2.csv"] == "REMOVED"
    begun = datetime.now(UTC)
    other = payments.bring("GAREXP_3.csv", payment("CN1", paid("C1", "90.00")))
    assert run(payments)["GAREXP_3.csv"] == "HELD"
    assert Books(payments.dms_dsn).balances() == there
    assert "GAREXP_3.csv" in payments.partner.names()
    assert not payments.staging.exists(f"arrival-{other.id}/header.txt")
    with pytest.raises(UnfinishedError, match="CN1 was posted as payment 1 with other content"):
        payments.conclude(begun)
    # A release cannot make it right: it is looked at again, and waits again.
    payments.partner.ledger.release_arrival(other.id, reason="try again")
    assert run(payments)["GAREXP_3.csv"] == "HELD"
    assert Books(payments.dms_dsn).balances() == there


def test_a_file_that_does_not_add_up_is_refused_and_the_next_is_posted(payments: Imports) -> None:
    begun = datetime.now(UTC)
    payments.bring("GAREXP_1.csv", payment("CN1", paid("C1"), Labour="100.01"))
    payments.bring("GAREXP_2.csv", payment("CN2", paid("C1")))
    assert run(payments) == {"GAREXP_1.csv": "REJECTED", "GAREXP_2.csv": "REMOVED"}
    with pytest.raises(
        UnfinishedError, match=r"1 to look at:\n.*REJECTED \(TOTALS\).*labour: header 100.01, lines 100.00"
    ):
        payments.conclude(begun)
    assert Books(payments.dms_dsn).rows("SELECT document_number FROM warranty.payment") == [("CN2",)]


def test_a_retail_dealer_nobody_knows_holds_its_part_and_makes_the_run_red_once(payments: Imports) -> None:
    begun = datetime.now(UTC)
    payments.bring("GAREXP_1.csv", payment("CN1", paid("C1"), paid("C3", "77.00", RetailDealer="R3")))
    assert run(payments) == {"GAREXP_1.csv": "REMOVED"}
    books = Books(payments.dms_dsn)
    assert books.balances()["UNKNOWN", "SUSPENSE"] == -77
    assert books.claims()["K-C1"][0] == 50
    with pytest.raises(
        UnfinishedError, match=r"CN1 has 77\.00 GBP in suspense.*nobody's here or another main dealer's: R3"
    ):
        payments.conclude(begun)
    payments.conclude(datetime.now(UTC))
    set_retail_dealer(payments.dms_dsn, "R3", dealer_code="M1", dealer="dealer_3")
    assert ("UNKNOWN", "SUSPENSE") not in books.balances()


def test_a_death_after_the_posting_is_finished_by_the_next_run(
    payments: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark is committed with the money: who comes again only tells the ledger."""
    posted = []

    def post_and_die(*args: object) -> None:
        posted.append(post_payment(*args))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    payments.bring("GAREXP_1.csv", payment("CN1", paid("C1")))
    payments.check()
    with monkeypatch.context() as patched:
        patched.setattr("include.imports.destinations.post_payment", post_and_die)
        with pytest.raises(KeyboardInterrupt):
            payments.apply()
    assert payments.partner.row().state == "CHECKED"
    there = Books(payments.dms_dsn).balances()
    assert payments.apply()["applied"] == 1
    row = payments.partner.row()
    assert (row.state, row.applied_at) == ("APPLIED", posted[0].applied_at)
    assert Books(payments.dms_dsn).balances() == there
