"""The whole sample: five retail dealers' claims, a month of payment files, and what the books must say in the end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from local.sample.warranty.book import EUROS, POUNDS, UNKNOWN, Claim, Document, Fate, SampleFile, Submission, Wave
from local.sample.warranty.cases import Payments, amounts, matched_later, ordinary, resubmissions, tolerances
from local.sample.warranty.doubts import doubts, no_code, same_number
from local.sample.warranty.files import content, name, stamp
from local.sample.warranty.money import Money
from local.sample.warranty.workshop import DEALERS, Workshop

GROUP: Final = "uk_group"
DIRECTORY: Final = "payments"
ORDINARY: Final = 12
"""Claims of each dealer in each document beside those with a name."""
FIRST, AGAIN, LATER = 0, 1, 2
"""Loads of claims: as first submitted, as submitted again, and what is told after today's files."""
BOOKED: Final = Fate("REMOVED")


@dataclass(frozen=True)
class WarrantySample:
    """All claims and files, with what must become of each."""

    until: date
    claims: tuple[Claim, ...]
    files: tuple[SampleFile, ...]

    @property
    def documents(self) -> list[Document]:
        """What must be posted, in the end."""
        return [file.posts for file in self.files if file.posts is not None]

    def load(self, number: int) -> list[dict[str, str]]:
        """Rows of a load, one for each job."""
        return [row for claim, submission, status in self._told(number) for row in claim.rows(submission, status)]

    def mark(self, number: int) -> tuple[str, str, str]:
        """Retail dealer code, claim number and submission that are there once the load was made, and not before."""
        claim, submission, _ = self._told(number)[-1]
        return claim.dealer.code, submission.number, submission.submission

    def _told(self, number: int) -> list[tuple[Claim, Submission, int]]:
        first = [(each, each.submissions[0], each.status) for each in self.claims if each.load == number]
        again = [
            (each, each.submissions[1], 20)
            for each in self.claims
            if each.load < number == each.again and len(each.submissions) > 1
        ]
        return first + again

    def balances(self) -> dict[tuple[str, str, str], Decimal]:
        """By dealer, account and currency what must be there in the end, debit above zero; without what is nothing."""
        found: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for document in self.documents:
            for line in document.lines:
                told, currency = line.told, document.currency
                found[told.dealer, "MANUFACTURER", currency] += told.gross
                if told.claim is None:
                    account = "SUSPENSE" if told.dealer == UNKNOWN else "ON_ACCOUNT"
                    found[told.dealer, account, currency] -= told.gross
        for claim in self.claims:
            stands, dealer = claim.stands, claim.dealer.name
            found[dealer, "CLAIMS", claim.currency] -= stands.settled
            found[dealer, "WRITTEN_OFF", claim.currency] += stands.written_off
            found[dealer, "ON_ACCOUNT", claim.currency] -= stands.on_account
        return {place: amount for place, amount in found.items() if amount}


def warranty_sample(seed: int, until: date) -> WarrantySample:
    """Return the sample whose last day is ``until``, which has ended; the same for the same two."""
    shops = [Workshop(dealer, seed, until) for dealer in DEALERS]
    documents = Payments(
        first=_document(until, 21),
        late=_document(until, 14),
        third=_document(until, 7),
        today=_document(until, 0),
        euros=_document(until, 0, 2, EUROS),
    )
    for place, shop in enumerate(shops):
        ordinary(shop, documents, ORDINARY)
        amounts(shop, documents)
        resubmissions(shop, documents)
        matched_later(shop, documents)
        doubts(shop, documents, shops[place - 1])
    tolerances(shops, documents)
    same_number(shops[0], shops[1], documents)
    no_code(shops[2], documents)
    files = [*_sound(documents, until), *_wrong(shops, documents, until)]
    return WarrantySample(until, tuple(claim for shop in shops for claim in shop.claims), tuple(files))


def _document(until: date, back: int, serial: int = 1, currency: str = POUNDS) -> Document:
    day = until - timedelta(days=back)
    return Document(f"GB{day:%y%m%d}{serial:02}", day, currency)


def _sound(documents: Payments, until: date) -> list[SampleFile]:
    """Files that are posted; that of two weeks ago only comes with today's."""

    def file(case: str, wave: Wave, each: Document, serial: int, written: int) -> SampleFile:
        return SampleFile(case, wave, name(each.day, serial), content(each), written, BOOKED, each)

    first, late, third, today = documents.in_pounds
    files = [
        file("a week's payments", "past", first, 1, stamp(first.day)),
        file("a week's payments", "past", third, 1, stamp(third.day)),
        file("a week's payments", "today", today, 1, stamp(until)),
        file("in another currency", "today", documents.euros, 2, stamp(until, 1)),
        file("comes two weeks late", "today", late, 1, stamp(until, 9)),
    ]
    copy = SampleFile(
        "the same file under another name", "later", name(until, 9), files[0].content, stamp(until, 60),
        replace(BOOKED, copy=True),
    )  # fmt: skip
    return [*files, copy]


def _wrong(shops: list[Workshop], documents: Payments, until: date) -> list[SampleFile]:
    """Files of which nothing may be posted: what they say was paid stays unpaid."""
    refused = []
    for serial in (3, 4, 5, 6):
        document = _document(until, 0, serial)
        for shop in shops:
            for _ in range(2):
                claim = shop.claim()
                document.pay(claim, claim.claimed, "FULL", "never posted")
        refused.append(document)
    cut, spoilt, doubled, other = refused
    other = replace(other, number=documents.third.number, day=documents.third.day)
    bodies = (
        ("header totals that are not the lines'", content(cut, too_much=Money(labour=Decimal("0.01"))), "TOTALS"),
        ("an amount that is none", content(spoilt, spoilt_line=3), "ROWS"),
        ("two headers", content(doubled, headers=2), "HEADER_RECORD"),
    )
    files = [
        SampleFile(case, "today", name(until, serial), text, stamp(until, serial), Fate("REJECTED", code, stays=True))
        for serial, (case, text, code) in enumerate(bodies, 3)
    ]
    held = SampleFile(
        "a document's number with other content", "today", name(until, 6), content(other), stamp(until, 6),
        Fate("HELD", stays=True),
    )  # fmt: skip
    return [*files, held]
