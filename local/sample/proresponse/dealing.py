"""A dealer's ordinary business: units sold, work done, orders that stay open over days, customers who come again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from local.sample.proresponse.book import SALES, SERVICE, Book, FeedPlan, Sheet, Whose
from local.sample.proresponse.people import Person, Town
from local.sample.proresponse.rows import Unit, Yard

SALES_A_DAY, ORDERS_A_DAY = 12, 18


@dataclass(frozen=True)
class DealerPlan:
    """One dealer: what it sells, and its feeds by interface."""

    name: str
    number: int
    kind: str
    feeds: dict[str, FeedPlan]
    accented: bool = False


class Dealing:
    """One dealer from day to day. What is known of customers is who bought or had work done before."""

    def __init__(self, plan: DealerPlan, seed: int, until: date) -> None:
        random = Random(f"{seed}/{plan.name}")  # noqa: S311 - a sample, the same for the same seed
        self.plan, self.random, self.until = plan, random, until
        self.book = Book(plan.name)
        self.town = Town(plan.name, plan.number, random, accented=plan.accented)
        self.yard = Yard(plan.number, plan.kind, random, until.year)
        self.customers: list[tuple[Person, Unit]] = []
        self._open: list[tuple[Person, Unit, str, date, int]] = []
        self._deals = self._orders = 0

    def sheet(self, interface: str) -> Sheet:
        return Sheet(self.book, self.plan.feeds[interface])

    def deal(self) -> str:
        self._deals += 1
        return f"D{self.plan.number}{self._deals:04}"

    def order_number(self) -> str:
        self._orders += 1
        return f"{self.plan.number}{self._orders:05}"

    def sales(self, sheet: Sheet, day: date, *, known: list[tuple[Person, Unit]]) -> None:
        """A day's sales: most to new customers, every fifth to one of ``known``, half of all financed."""
        for count in range(SALES_A_DAY):
            unit = self.yard.unit()
            financed = f"{unit.price * 0.8:.2f}" if self.random.random() < 0.5 else ""
            if known and count % 5 == 4:
                person, whose = self.random.choice(known)[0], "T1"
            else:
                person, whose = self.town.person() if count % 6 else self.town.company(), "NEW"
                self.customers.append((person, unit))
            sold = day - timedelta(days=self.random.randrange(3))
            sheet.sale(person, unit, self.deal(), sold, financed=financed, whose=Whose(whose, person.who))

    def work(self, sheet: Sheet, day: date, *, known: list[tuple[Person, Unit]]) -> None:
        """A day's work orders: half by ``known`` customers; some stay open and come again until they are closed."""
        still = []
        for person, unit, number, opened, jobs in self._open:
            done = self.random.random() < 0.6
            for job in range(1, jobs + 2):
                sheet.order(person, unit, number, opened, f"{100 * job}.50", closed=day if done else None, job=str(job))
            if not done:
                still.append((person, unit, number, opened, jobs + 1))
        self._open = still
        for count in range(ORDERS_A_DAY):
            if known and count % 2:
                person, unit = self.random.choice(known)
                rule = "T1"
            else:
                person, unit = self.town.person(), self.yard.unit()
                self.customers.append((person, unit))
                rule = "NEW"
            number, jobs = self.order_number(), 1 + self.random.randrange(3)
            stays = count % 6 == 0
            for job in range(1, jobs + 1):
                sheet.order(
                    person, unit, number, day, f"{100 * job}.50", closed=None if stays else day, job=str(job),
                    whose=Whose(rule, person.who),
                )  # fmt: skip
            if stays:
                self._open.append((person, unit, number, day, jobs))


__all__ = ["SALES", "SERVICE", "DealerPlan", "Dealing"]
