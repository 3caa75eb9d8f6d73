"""Indexes for reading files and arrivals page by page, newest first, and for finding what a run did."""

from __future__ import annotations

from alembic import op

revision = "ledger_0006"
down_revision = "ledger_0005"
branch_labels = None
depends_on = None

INDEXES = """
CREATE INDEX file_newest ON ledger.file (business_date, id) WHERE environment = 'live';
CREATE INDEX file_newest_of_interface ON ledger.file (interface, business_date, id) WHERE environment = 'live';
CREATE INDEX file_newest_of_dealer ON ledger.file (dealer, business_date, id) WHERE environment = 'live';
CREATE INDEX file_newest_in_state ON ledger.file (state, business_date, id)
    WHERE environment = 'live' AND state <> 'PUBLISHED';
CREATE INDEX arrival_newest ON ledger.arrival (first_seen_at, id);
CREATE INDEX arrival_newest_of_interface ON ledger.arrival (interface, first_seen_at, id);
CREATE INDEX arrival_newest_of_dealer ON ledger.arrival (dealer, first_seen_at, id);
CREATE INDEX arrival_newest_in_state ON ledger.arrival (state, first_seen_at, id)
    WHERE state NOT IN ('REMOVED', 'KEPT');
-- Events come in the order of their time, so a summary of each block finds those of a run.
CREATE INDEX event_by_time ON ledger.event USING brin (at) WITH (pages_per_range = 16);
"""


def upgrade() -> None:
    """Create the indexes."""
    op.execute(INDEXES)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was sent."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
