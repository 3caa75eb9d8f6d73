"""A claim may be taken back for rework after an answer, and the same numbers may be submitted on another day."""

from __future__ import annotations

from alembic import op

revision = "dms_0009"
down_revision = "dms_0008"
branch_labels = None
depends_on = None

STEPS = """
INSERT INTO warranty.allowed_transition VALUES
    (40, 10, 'taken back for rework after a rejection'),
    (50, 10, 'taken back for rework after a payment'),
    (99, 10, 'opened again by the dealer');
"""
SUBMISSIONS = """
ALTER TABLE warranty.submission ADD COLUMN first_submitted_on date;
UPDATE warranty.submission SET first_submitted_on = submitted_on;
COMMENT ON COLUMN warranty.submission.first_submitted_on IS
    'The earliest day that was told for these numbers: what was paid since may be theirs';
"""


def upgrade() -> None:
    """Allow the steps; remember the first day."""
    op.execute(STEPS)
    op.execute(SUBMISSIONS)


def downgrade() -> None:
    """Refuse: the books are kept."""
    raise NotImplementedError("the warranty books are not taken back; restore the database from before the migration")
