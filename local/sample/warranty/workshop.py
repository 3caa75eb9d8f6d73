"""The retail dealers of the sample group that claim, and their claims as a workshop makes them."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from local.sample.masters import renault_dealer_number
from local.sample.warranty.book import Claim, Dealer, Submission
from local.sample.warranty.money import Money, drawn, labour

REPAIRED, SUBMITTED = 60, 45
"""Days before the last one on which an ordinary claim's car was repaired and the claim submitted."""


def _dealer(place: int, main: int, amount: str = "", percent: str = "") -> Dealer:
    number = renault_dealer_number(place)
    tolerance = (Decimal(amount), Decimal(percent)) if amount else None
    return Dealer(number, number, renault_dealer_number(main), tolerance)


DEALERS: Final = (
    _dealer(0, 0, "1.00", "1.00"),
    _dealer(1, 0, "5.00", "0.50"),
    _dealer(3, 0),  # without a tolerance: each penny is a difference
    _dealer(8, 8, "1.00", "2.00"),
    _dealer(9, 8, "0.00", "0.00"),
)
"""Of the group's two companies; the first of each is its main dealer as well."""


class Workshop:
    """One retail dealer's claims, numbered as they come."""

    def __init__(self, dealer: Dealer, seed: int, until: date) -> None:
        self.dealer, self.until = dealer, until
        self.random = Random(f"{seed}/{dealer.code}")  # noqa: S311 - a sample, the same for the same seed
        self.claims: list[Claim] = []

    def day(self, back: int) -> date:
        return self.until - timedelta(days=back)

    def claim(
        self,
        money: Money | str | None = None,
        *,
        jobs: list[Money] | None = None,
        number: str | None = None,
        submitted: int | None = SUBMITTED,
        load: int = 0,
        currency: str = "GBP",
        status: int = 20,
    ) -> Claim:
        """
        A claim of one job, unless ``jobs`` are given; drawn unless ``money`` (or its net of labour) is given.

        :param submitted: how many days before the last one; None if it was not.
        """
        count = len(self.claims) + 1
        if jobs is None:
            jobs = [labour(money) if isinstance(money, str) else money or drawn(self.random)]
        on = None if submitted is None else self.day(submitted)
        claim = Claim(
            dealer=self.dealer,
            key=f"K{count:05}",
            jobs=jobs,
            submissions=[Submission(number or self.number(), "1", on)],
            work_order=f"{70_000 + count}",
            # No letter at its ninth place is a check digit in Europe; the serial is nobody's.
            vin=f"VF1ZZ{self.dealer.code[-4:]}{count:08}",
            repair_date=self.day(REPAIRED + count % 9),
            odometer=self.random.randrange(200, 60_000),
            currency=currency,
            status=status,
            held=count % 23 == 0,
            load=load,
        )
        claim.ends(status)
        self.claims.append(claim)
        return claim

    def resubmitted(self, claim: Claim, *, on: int, again: int = 1) -> str:
        """Submit a claim again, under a number of its own, which the load ``again`` tells; returns that number."""
        claim.submissions.append(Submission(f"{claim.number}A", str(len(claim.submissions) + 1), self.day(on)))
        claim.again = again
        return claim.submissions[-1].number

    def number(self) -> str:
        """The next claim number of this dealer."""
        return f"W{self.dealer.code[-3:]}{len(self.claims) + 1:05}"

    def no_number(self) -> str:
        """A number that no claim of this dealer ever has."""
        return f"X{self.random.randrange(10**6):06}"
