"""Claims with an outcome that is worth a name, and the lines that pay them; each says what it must become."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from local.sample.warranty.book import Document
from local.sample.warranty.money import Money
from local.sample.warranty.workshop import Workshop


@dataclass(frozen=True)
class Payments:
    """
    The sound documents: of three weeks ago, two weeks ago, last week, today, and today's in euros.

    That of two weeks ago comes late, with today's.
    """

    first: Document
    late: Document
    third: Document
    today: Document
    euros: Document

    @property
    def in_pounds(self) -> tuple[Document, ...]:
        return self.first, self.late, self.third, self.today


def ordinary(shop: Workshop, documents: Payments, count: int) -> None:
    """Claims that are paid in full at once, some that are rejected, and some that nobody has answered yet."""
    for document in documents.in_pounds:
        for number in range(count):
            claim = shop.claim()
            alone = number % 3 == 0
            if number % 7 == 6:
                document.pay(claim, Money(), "REJECTED", "rejected", reject="R07", by_number_alone=alone)
                claim.ends(40)
            else:
                document.pay(claim, claim.claimed, "FULL", "in full", by_number_alone=alone)
                claim.ends(50, claim.claimed)
    for _ in range(count):
        shop.claim()
    shop.claim(submitted=None, status=10)


def amounts(shop: Workshop, documents: Payments) -> None:
    """Too little, too much, in parts, twice, taken back, with another VAT."""
    first, late, third, today = documents.in_pounds

    claim = shop.claim()
    part = claim.claimed.share(60)
    today.pay(claim, part, "UNDER", "under-paid")
    claim.ends(50, part)

    claim = shop.claim()
    part = claim.claimed.share(30)
    third.pay(claim, part, "UNDER", "paid less, with a code", reject="R11")
    claim.ends(50, part)

    claim = shop.claim()
    today.pay(claim, claim.claimed.but(labour="50"), "OVER", "over-paid")
    claim.ends(50, claim.claimed.but(labour="50"), on_account=Decimal("50.00"))

    claim = shop.claim()
    parts = [claim.claimed.share(40), claim.claimed.share(35)]
    first.pay(claim, parts[0], "UNDER", "paid in parts over several files")
    third.pay(claim, parts[1], "UNDER", "paid in parts over several files")
    today.pay(claim, claim.claimed - parts[0] - parts[1], "FULL", "paid in parts over several files")
    claim.ends(50, claim.claimed)

    claim = shop.claim(jobs=[shop.claim().claimed for _ in range(3)])
    third.pay(claim, claim.claimed, "FULL", "one line for several jobs")
    claim.ends(50, claim.claimed)

    claim = shop.claim(jobs=[shop.claim().claimed for _ in range(2)])
    today.pay(claim, claim.jobs[0], "UNDER", "two lines of one file for two jobs")
    today.pay(claim, claim.jobs[1], "FULL", "two lines of one file for two jobs")
    claim.ends(50, claim.claimed)

    for again in (third, first):
        claim = shop.claim()
        first.pay(claim, claim.claimed, "FULL", "paid twice")
        again.pay(claim, claim.claimed, "DUPLICATE", "paid twice")
        claim.ends(50, claim.claimed + claim.claimed, on_account=claim.claimed.gross)

    # What came first is the duplicate: its payment date is the later one.
    claim = shop.claim()
    late.pay(claim, claim.claimed, "FULL", "paid twice, the earlier file comes late")
    third.pay(claim, claim.claimed, "DUPLICATE", "paid twice, the earlier file comes late")
    claim.ends(50, claim.claimed + claim.claimed, on_account=claim.claimed.gross)

    claim = shop.claim()
    more = Money(labour=Decimal("20.00"), vat=Decimal("4.00"))
    first.pay(claim, claim.claimed + more, "OVER", "corrected from above")
    today.pay(claim, -more, "FULL", "corrected from above")
    claim.ends(50, claim.claimed)

    claim = shop.claim("180.00")
    first.pay(claim, claim.claimed, "FULL", "corrected below")
    today.pay(claim, -more, "UNDER", "corrected below")
    claim.ends(50, claim.claimed - more)

    claim = shop.claim()
    first.pay(claim, claim.claimed, "FULL", "taken back")
    today.pay(claim, -claim.claimed, "REJECTED", "taken back", reject="R31")
    claim.ends(40)

    claim = shop.claim()
    first.pay(claim, Money(), "REJECTED", "rejected, then paid", reject="R07")
    third.pay(claim, claim.claimed, "FULL", "rejected, then paid")
    claim.ends(50, claim.claimed)

    claim = shop.claim("200.00")
    today.pay(claim, claim.claimed.but(vat="-10"), "UNDER", "another VAT, less", vat_differs=True)
    claim.ends(50, claim.claimed.but(vat="-10"))

    claim = shop.claim("200.00")
    today.pay(claim, claim.claimed.but(vat="10"), "OVER", "another VAT, more", vat_differs=True)
    claim.ends(50, claim.claimed.but(vat="10"), on_account=Decimal("10.00"))

    claim = shop.claim(currency="EUR")
    documents.euros.pay(claim, claim.claimed, "FULL", "in euros")
    claim.ends(50, claim.claimed)


def tolerances(shops: list[Workshop], documents: Payments) -> None:
    """Each dealer's limits, and a penny beyond: net claimed, paid more or less, and what becomes of it."""
    edges = {
        # 1.00 and 1 percent
        0: (("250.00", "-0.40"), ("250.00", "-1.00"), ("250.00", "1.00"), ("50.00", "-0.60")),
        # 5.00 and a half percent
        1: (("100.00", "-0.60"), ("2000.00", "-5.00"), ("2000.00", "4.99")),
        # 1.00 and 2 percent
        3: (("250.00", "-1.00"), ("25.00", "-0.60"), ("25.00", "0.60")),
    }
    for place, each in edges.items():
        for net, difference in each:
            claim = shops[place].claim(net)
            documents.third.pay(claim, claim.claimed.but(labour=difference), "FULL", "within tolerance")
            claim.ends(50, claim.claimed.but(labour=difference), written_off=str(-Decimal(difference)))
    beyond = {
        0: (("250.00", "-1.01"), ("250.00", "1.01"), ("50.00", "-0.61")),
        1: (("100.00", "-0.61"), ("2000.00", "-5.01"), ("100.00", "0.61")),
        2: (("100.00", "-0.01"), ("100.00", "0.01")),  # tolerates nothing, as nothing is said
        3: (("250.00", "-1.01"), ("25.00", "0.61")),
        4: (("100.00", "-0.01"), ("100.00", "0.01")),  # tolerates nothing, as is said
    }
    for place, each in beyond.items():
        for net, difference in each:
            claim = shops[place].claim(net)
            over = Decimal(difference) > 0
            paid = claim.claimed.but(labour=difference)
            documents.today.pay(claim, paid, "OVER" if over else "UNDER", "a penny beyond the tolerance")
            claim.ends(50, paid, on_account=max(Decimal(difference), Decimal("0.00")))

    # What was written off is made up for first, the rest is too much.
    claim = shops[0].claim("250.00")
    less = claim.claimed.but(labour="-0.40")
    documents.first.pay(claim, less, "FULL", "within tolerance, then paid again")
    documents.third.pay(claim, claim.claimed, "DUPLICATE", "within tolerance, then paid again")
    claim.ends(50, less + claim.claimed, on_account=less.gross)

    claim = shops[0].claim("250.00")
    paid = claim.claimed.but(vat="-0.40")
    documents.today.pay(claim, paid, "FULL", "another VAT, within tolerance", vat_differs=True)
    claim.ends(50, paid, written_off="0.40")


def resubmissions(shop: Workshop, documents: Payments) -> None:
    """Claims that were submitted again twelve days ago, under another number."""
    first, _, third, today = documents.in_pounds
    old = "EARLIER_NUMBER"
    case = "paid under the old number after a re-submission"
    for document, alone in ((third, False), (today, True)):
        claim = shop.claim()
        shop.resubmitted(claim, on=12)
        document.pay(claim, claim.claimed, "FULL", case, rule=old, by_number_alone=alone)
        claim.ends(50, claim.claimed)

    for rule in (old, "NUMBER"):
        claim = shop.claim()
        new = shop.resubmitted(claim, on=12)
        first.pay(claim, Money(), "REJECTED", "rejected, submitted again, paid", rule=old, reject="R07")
        number = claim.number if rule == old else new
        today.pay(claim, claim.claimed, "FULL", "rejected, submitted again, paid", rule=rule, number=number)
        claim.ends(50, claim.claimed)

    claim = shop.claim()
    shop.resubmitted(claim, on=12)
    first.pay(claim, Money(), "REJECTED", "rejected and submitted again", rule=old, reject="R07")
    claim.ends(20)

    claim = shop.claim()
    part = claim.claimed.share(50)
    shop.resubmitted(claim, on=12)
    first.pay(claim, part, "UNDER", "submitted again for the rest", rule=old)
    claim.ends(20, part)


def matched_later(shop: Workshop, documents: Payments) -> None:
    """Money on account until a later load tells the claim; and one that a later load puts in doubt."""
    first, _, third, today = documents.in_pounds
    case = "on account until its claim was told"
    for document, alone in ((first, False), (today, True)):
        claim = shop.claim(load=2, submitted=30)
        document.pay(claim, claim.claimed, "FULL", case, by_number_alone=alone)
        claim.ends(50, claim.claimed)

    claim = shop.claim(load=2, submitted=30)
    third.pay(claim, claim.claimed, "FULL", case)
    today.pay(claim, claim.claimed, "DUPLICATE", case)
    claim.ends(50, claim.claimed + claim.claimed, on_account=claim.claimed.gross)

    claim = shop.claim()
    new = shop.resubmitted(claim, on=3, again=2)
    today.pay(claim, claim.claimed, "FULL", "on account until its number was told", number=new)
    claim.ends(50, claim.claimed)

    claim = shop.claim()
    shop.resubmitted(claim, on=0, again=2)
    first.pay(claim, Money(), "REJECTED", "rejected, submitted again later", rule="EARLIER_NUMBER", reject="R07")
    claim.ends(20)
