"""An index for the files of one interface in one state, newest first: where there is none, nothing is read."""

from __future__ import annotations

from alembic import op

revision = "ledger_0009"
down_revision = "ledger_0008"
branch_labels = None
depends_on = None

# PUBLISHED as well: a partner that acknowledges leaves few files in it.
INDEX = """
CREATE INDEX file_newest_in_state_of_interface ON ledger.file (interface, state, business_date, id)
    WHERE environment = 'live';
"""


def upgrade() -> None:
    """Create the index."""
    op.execute(INDEX)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was sent."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
