"""How far each reader of the events has come."""

from __future__ import annotations

from alembic import op

revision = "ledger_0008"
down_revision = "ledger_0007"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ledger.reading_position (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]*$'),
    event_id   bigint NOT NULL CHECK (event_id >= 0),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE ledger.reading_position IS
    'The last event that a reader, such as what tells collectors, is done with. No part of the record: it may be moved';
"""


def upgrade() -> None:
    """Add the table; nothing that exists changes."""
    op.execute(TABLES)


def downgrade() -> None:
    """Refuse, as all of them do: a ledger is not taken back."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
