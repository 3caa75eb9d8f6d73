"""Lines that must be nobody's: each looks as if it were somebody's, in one thing or another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from local.sample.warranty.cases import Payments
from local.sample.warranty.workshop import DEALERS, Workshop

UNKNOWN_CODE: Final = "82699999"
ANOTHER_CAR: Final = "VF1ZZ00009999999X"


def doubts(shop: Workshop, documents: Payments, other: Workshop) -> None:
    """
    One line for each reason, at least; ``other`` is a dealer who has other claims.

    No claim that they come near to is paid: each stays as it was told.
    """
    first, _, third, today = documents.in_pounds
    dealer = shop.dealer

    claim = shop.claim()
    today.pay_nobody(
        dealer, claim.claimed, "UNKNOWN_RETAIL_DEALER", "code of nobody", number=claim.number, like=claim,
        code=UNKNOWN_CODE, suspense=True,
    )  # fmt: skip
    claim = shop.claim()
    main = next(each.main for each in DEALERS if each.main != dealer.main)
    today.pay_nobody(
        dealer, claim.claimed, "OTHER_MAIN_DEALER", "code of another main dealer", number=claim.number, like=claim,
        main=main, suspense=True,
    )  # fmt: skip

    claim = shop.claim()
    shop.claim(claim.claimed, number=claim.number)
    today.pay_nobody(dealer, claim.claimed, "AMBIGUOUS", "a number of two claims", number=claim.number)
    # The same, but the line says which: that is no doubt.
    claim = shop.claim()
    shop.claim(claim.claimed, number=claim.number)
    today.pay(claim, claim.claimed, "FULL", "a number of two claims, the car says which")
    claim.ends(50, claim.claimed)
    # The old number of one is the present one of another.
    claim = shop.claim()
    shop.resubmitted(claim, on=12)
    shop.claim(claim.claimed, number=claim.number)
    third.pay_nobody(dealer, claim.claimed, "AMBIGUOUS", "an old number that came again", number=claim.number)
    # Was paid, until a later load told a second claim with its number.
    claim = shop.claim()
    shop.claim(claim.claimed, number=claim.number, load=2, submitted=30)
    third.pay_nobody(dealer, claim.claimed, "AMBIGUOUS", "a number that became two claims'", number=claim.number)

    claim = shop.claim()
    today.pay_nobody(dealer, claim.claimed, "BY_WORK_ORDER", "only the work order fits", like=claim)
    today.pay_nobody(
        dealer, claim.claimed, "BY_WORK_ORDER", "only the work order fits, under a number of nobody",
        number=shop.no_number(), like=claim,
    )  # fmt: skip
    claim = shop.claim(load=2, submitted=30)
    today.pay_nobody(dealer, claim.claimed, "BY_WORK_ORDER", "only the work order fits, of a later claim", like=claim)
    claim = shop.claim()
    today.pay_nobody(
        dealer, claim.claimed, "NO_CLAIM", "work order without its day", like=claim, but={"repair_date": None}
    )
    today.pay_nobody(
        dealer, claim.claimed, "NO_CLAIM", "work order of another car", like=claim, but={"vin": ANOTHER_CAR}
    )

    claim = shop.claim()
    documents.euros.pay_nobody(
        dealer, claim.claimed, "OTHER_CURRENCY", "another currency", number=claim.number, like=claim
    )
    different: dict[str, dict[str, str | date | None]] = {
        "VIN_DIFFERS": {"vin": ANOTHER_CAR},
        "WORK_ORDER_DIFFERS": {"work_order": "99999"},
        "REPAIR_DATE_DIFFERS": {"repair_date": claim.repair_date + timedelta(days=40)},
    }
    for reason, told in different.items():
        claim = shop.claim()
        today.pay_nobody(
            dealer,
            claim.claimed,
            reason,
            "the right number, another car, order or day",
            number=claim.number,
            like=claim,
            but=told,
        )

    claim = shop.claim(submitted=10)
    first.pay_nobody(
        dealer, claim.claimed, "BEFORE_SUBMISSION", "paid before it was submitted", number=claim.number, like=claim
    )
    claim = shop.claim(submitted=None, status=10)
    today.pay_nobody(dealer, claim.claimed, "BEFORE_SUBMISSION", "paid, and never submitted", number=claim.number)

    claim = shop.claim(status=99)
    claim.completed_on = shop.day(8)
    third.pay_nobody(dealer, claim.claimed, "CLAIM_COMPLETE", "complete the day before", number=claim.number)
    claim = shop.claim(status=99)
    claim.completed_on = third.day
    third.pay(claim, claim.claimed, "FULL", "complete on the day of the payment")
    claim.ends(99, claim.claimed)

    money = shop.claim().claimed
    today.pay_nobody(dealer, money, "NO_CLAIM", "a number of nobody", number=shop.no_number())
    today.pay_nobody(dealer, money, "NO_CLAIM", "names nothing at all")
    claim = other.claim()
    today.pay_nobody(
        dealer, claim.claimed, "NO_CLAIM", "another retail dealer's claim", number=claim.number, like=claim
    )


def same_number(one: Workshop, other: Workshop, documents: Payments) -> None:
    """Two dealers have a claim of the same number; each line finds its own dealer's."""
    number = "W0000001"
    for shop, document in ((one, documents.third), (other, documents.today)):
        claim = shop.claim(number=number)
        document.pay(claim, claim.claimed, "FULL", "a number that another dealer has as well", by_number_alone=True)
        claim.ends(50, claim.claimed)


def no_code(shop: Workshop, documents: Payments) -> None:
    """A line without any dealer: its money is not lost."""
    nameless = replace(shop.dealer, code="", main="")
    documents.today.pay_nobody(nameless, shop.claim().claimed, "UNKNOWN_RETAIL_DEALER", "no code at all", suspense=True)
