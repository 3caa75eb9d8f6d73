"""
The ledger: which file went where, what happened to it and why. The only package that writes ledger SQL.

    with Ledger(dsn, actor="person:oncall") as ledger:
        for file in ledger.files(states=["HELD"]): ...

Each method is one short transaction, committed when it returns; so a process killed between two calls leaves a ledger
that agrees with itself. Every change of state writes its event in the same transaction. docs/ledger.md tells the rest.
"""

from __future__ import annotations

from include.ledger.arrival_feeds import InboundFeeds
from include.ledger.arrival_rows import ArrivalRow, InboundFeedRow, SeenEntry
from include.ledger.arrival_states import ARRIVAL_STATES, ARRIVAL_TRANSITIONS
from include.ledger.arrivals import Arrivals
from include.ledger.batches import Batches
from include.ledger.browsing import Browsing, Choice, Page
from include.ledger.companions import Companion, CompanionRow, Companions
from include.ledger.decisions import Decisions
from include.ledger.errors import (
    BatchReplacedError,
    LeaseHeldError,
    LeaseLostError,
    LedgerError,
    LedgerUnavailableError,
    SchemaVersionError,
    TransitionError,
    WindowMovedError,
)
from include.ledger.findings import Findings
from include.ledger.following import Following, Happening
from include.ledger.glances import Glances
from include.ledger.leases import Leases
from include.ledger.notices import Beat, NewNotice, NoticeRow, Notices
from include.ledger.reconciliations import ReconciliationDifference, ReconciliationRow, Reconciliations
from include.ledger.revisions import Revisions
from include.ledger.rows import BatchRow, EventRow, FeedRow, FileRow, QualityResult, RejectedRow, Release
from include.ledger.sequences import SequenceGap, Sequences
from include.ledger.states import DELIVERED, STATES, TRANSITIONS
from include.ledger.trends import DayTrend, Trends
from include.ledger.windows import Windows

__all__ = [
    "ARRIVAL_STATES",
    "ARRIVAL_TRANSITIONS",
    "DELIVERED",
    "STATES",
    "TRANSITIONS",
    "ArrivalRow",
    "BatchReplacedError",
    "BatchRow",
    "Beat",
    "Choice",
    "Companion",
    "CompanionRow",
    "DayTrend",
    "EventRow",
    "FeedRow",
    "FileRow",
    "Happening",
    "InboundFeedRow",
    "LeaseHeldError",
    "LeaseLostError",
    "Ledger",
    "LedgerError",
    "LedgerUnavailableError",
    "NewNotice",
    "NoticeRow",
    "Page",
    "QualityResult",
    "ReconciliationDifference",
    "ReconciliationRow",
    "RejectedRow",
    "Release",
    "SchemaVersionError",
    "SeenEntry",
    "SequenceGap",
    "TransitionError",
    "WindowMovedError",
]


class Ledger(
    Batches,
    Revisions,
    Decisions,
    Leases,
    Companions,
    Windows,
    Findings,
    Reconciliations,
    Sequences,
    Browsing,
    Trends,
    Glances,
    Notices,
    Following,
    Arrivals,
    InboundFeeds,
):
    """
    Everything that can be asked of and told to the ledger, over one connection; see the classes it is made of.

    ``dsn`` is a libpq string or URL; ``actor`` is who the events will name, e.g. ``person:oncall`` or
    ``airflow:merkle_sar_daily/<run_id>/publish/try 2``. Nothing is opened before the first call.
    """
