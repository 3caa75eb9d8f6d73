"""What the comparison of a file with the files of another interface found, and that a preview is never sent."""

from __future__ import annotations

from alembic import op

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ledger.reconciliation (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id     bigint NOT NULL REFERENCES ledger.file,
    batch_id    bigint NOT NULL REFERENCES ledger.batch,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    against     text NOT NULL,
    rows_here   bigint NOT NULL CHECK (rows_here >= 0),
    total_here  numeric NOT NULL,
    rows_there  bigint NOT NULL CHECK (rows_there >= 0),
    total_there numeric NOT NULL,
    held_for    text,
    kinds       jsonb NOT NULL,
    unexplained bigint NOT NULL CHECK (unexplained >= 0),
    CONSTRAINT reconciliation_is_one_per_run UNIQUE (file_id, batch_id)
);
COMMENT ON TABLE ledger.reconciliation IS
    'What a run found when it compared a file (here) with the files of another interface (there)';
COMMENT ON COLUMN ledger.reconciliation.kinds IS 'Differences by kind; stays when retention takes the differences';

CREATE VIEW ledger.v_reconciliation AS
    SELECT found.*, file.interface, file.dealer, file.environment, file.zone, file.window_start, file.window_end,
        file.business_date, file.revision, file.state, file.file_name, file.purged_at
    FROM ledger.reconciliation AS found JOIN ledger.file AS file ON file.id = found.file_id;

CREATE TABLE ledger.reconciliation_difference (
    reconciliation_id bigint NOT NULL REFERENCES ledger.reconciliation ON DELETE CASCADE,
    position          integer NOT NULL,
    kind              text NOT NULL,
    explained         boolean NOT NULL,
    document_type     text NOT NULL,
    document_number   text NOT NULL,
    line_number       text NOT NULL,
    document_date     date,
    posted_on         date,
    net_here          numeric,
    net_there         numeric,
    file_there        bigint,
    note              text NOT NULL,
    PRIMARY KEY (reconciliation_id, position)
);
COMMENT ON TABLE ledger.reconciliation_difference IS
    'One line that the two sides do not have alike, by its document''s key; never a person''s name or number';
COMMENT ON COLUMN ledger.reconciliation_difference.net_here IS 'Null: the line is not in the file';
COMMENT ON COLUMN ledger.reconciliation_difference.file_there IS 'ledger.file of the other interface that has the line';
"""

PREVIEWS = """
ALTER TABLE ledger.file ADD CONSTRAINT file_preview_is_never_sent CHECK (environment <> 'preview'
    OR (published_at IS NULL AND state NOT IN ('UPLOADING', 'UPLOADED', 'PUBLISHED', 'ACKED', 'UNKNOWN')));
"""


def upgrade() -> None:
    """Add the tables and the constraint."""
    op.execute(TABLES)
    op.execute(PREVIEWS)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was sent."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
