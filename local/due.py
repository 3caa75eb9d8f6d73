"""Which days and months of each interface a `make run` sees to: from the contracts and the sample's days alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from include.contract import Contract, contract_ids, load_contract
from include.window import Window, period_window
from include.working_days import due_day

LAST_DAYS = 7
# What Airflow takes nine seconds for, the steps alone do in less than one; a few runs show what there is to see.
BACKFILL_DAYS = 3
# Where files follow each other Airflow runs one day after the other.
CONTIGUOUS_BACKFILL_DAYS = 2


@dataclass(frozen=True)
class Due:
    """
    One interface's windows, in their order.

    ``past`` would have gone before anybody started us; ``recent`` is for Airflow's backfill.
    """

    contract: Contract
    past: tuple[Window, ...]
    recent: tuple[Window, ...]

    @property
    def windows(self) -> tuple[Window, ...]:
        return (*self.past, *self.recent)


def due(*, first_day: date, until: date, contracts: Iterable[Contract] | None = None) -> list[Due]:
    """
    Return what is due of each interface of the sample from ``first_day`` to ``until``, the last day that ended.

    An interface by the day: the last seven days, the last three of them by Airflow (two where files follow each
    other), and before those the days back to the first of the month that is reconciled with them. An interface by the
    month: the last month that is due, if the sample reaches back to its first day, else none. An interface that another
    one is reconciled with comes before it.
    """
    known = list(contracts) if contracts is not None else [load_contract(name) for name in contract_ids("outbound")]
    months: list[Due] = []
    for contract in known:
        if contract.period_unit == "month":
            month = last_due_month(contract, until + timedelta(days=1))
            months.append(Due(contract, (), (_window(contract, month),) if month >= first_day else ()))
    found = []
    for contract in known:
        if contract.period_unit == "day":
            by_airflow = BACKFILL_DAYS if contract.contiguous is None else CONTIGUOUS_BACKFILL_DAYS
            recent = max(first_day, until - timedelta(days=by_airflow - 1))
            last_days = max(first_day, until - timedelta(days=LAST_DAYS - 1))
            behind = [each for each in months if each.contract.reconciled_with == contract.id]
            since = min([last_days, *(window.business_date for each in behind for window in each.recent)])
            days = [_window(contract, since + timedelta(days=number)) for number in range((until - since).days + 1)]
            found.append(Due(contract, tuple(days[: (recent - since).days]), tuple(days[(recent - since).days :])))
    return found + months


def last_due_month(contract: Contract, today: date) -> date:
    """Return the first day of the last month whose file is due by ``today``, by the contract's calendar."""
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    if today >= due_day(contract, this_month):
        return last_month
    return (last_month - timedelta(days=1)).replace(day=1)


def _window(contract: Contract, day: date) -> Window:
    return period_window(contract.period_unit, day, contract.zone)
