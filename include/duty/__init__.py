"""
What the person on call has to know this morning: what is due of each interface and dealer, and how it stands.

What is expected comes from contracts, calendars, feeds and the DMS's dealers; never from runs, since one that did not
happen says nothing.
"""

from include.duty.due import DuePeriod, last_due, next_due
from include.duty.standing import InterfaceStanding, Standing, Status, standing

__all__ = ["DuePeriod", "InterfaceStanding", "Standing", "Status", "last_due", "next_due", "standing"]
