"""
What the person on call has to know this morning: what is due of each interface and dealer, and how it stands.

What is expected comes from contracts, calendars, feeds and the DMS's dealers; never from runs, since one that did not
happen says nothing.
"""

from include.duty.due import DuePeriod, due_since, last_due, next_due, period_of
from include.duty.participants import participants
from include.duty.standing import InterfaceStanding, Standing, Status, labels_of, of_period, standing

__all__ = [
    "DuePeriod",
    "InterfaceStanding",
    "Standing",
    "Status",
    "due_since",
    "labels_of",
    "last_due",
    "next_due",
    "of_period",
    "participants",
    "period_of",
    "standing",
]
