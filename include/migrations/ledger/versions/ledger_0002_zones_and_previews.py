"""The zone of each window, the environment `preview`, and files that are sent again."""

from __future__ import annotations

from alembic import op

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None

# Until now every window was a day of the one contract's clock. Events of that time do not carry the column; the
# verifier compares what an event says and nothing else, so they stay true.
ZONES = """
ALTER TABLE ledger.file ADD COLUMN zone text NOT NULL DEFAULT 'Europe/London';
ALTER TABLE ledger.file ALTER COLUMN zone DROP DEFAULT;
ALTER TABLE ledger.batch ADD COLUMN zone text NOT NULL DEFAULT 'Europe/London';
ALTER TABLE ledger.batch ALTER COLUMN zone DROP DEFAULT;
COMMENT ON COLUMN ledger.file.zone IS
    'IANA zone whose midnights bound the window: the contract''s, or the dealer''s own';

DROP TRIGGER file_identity_is_fixed ON ledger.file;
CREATE TRIGGER file_identity_is_fixed
    BEFORE UPDATE OF interface, partner, dealer, environment, window_start, window_end, zone, revision ON ledger.file
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
"""

PREVIEWS = """
ALTER TABLE ledger.file DROP CONSTRAINT file_environment,
    ADD CONSTRAINT file_environment CHECK (environment IN ('live', 'test', 'preview'));
ALTER TABLE ledger.batch DROP CONSTRAINT batch_environment_check,
    ADD CONSTRAINT batch_environment CHECK (environment IN ('live', 'test', 'preview'));
ALTER TABLE ledger.sequence DROP CONSTRAINT sequence_environment_check,
    ADD CONSTRAINT sequence_environment CHECK (environment IN ('live', 'test', 'preview'));
ALTER TABLE ledger.feed DROP CONSTRAINT feed_environment_check,
    ADD CONSTRAINT feed_environment CHECK (environment IN ('live', 'test', 'preview'));
"""

# A file that a person has sent again goes through the states of the sending with the first publication's time on it.
# Before there are bytes that time cannot be there.
REDELIVERY = """
ALTER TABLE ledger.file DROP CONSTRAINT file_published_has_a_time,
    ADD CONSTRAINT file_published_has_a_time CHECK (CASE
        WHEN state IN ('PUBLISHED', 'ACKED', 'SUPERSEDED') THEN published_at IS NOT NULL
        WHEN state IN ('PLANNED', 'CHECKED', 'RENDERED', 'PROPOSED') THEN published_at IS NULL
        ELSE true END);
"""


def upgrade() -> None:
    """Widen what exists; no row of the past loses or changes anything."""
    op.execute(ZONES)
    op.execute(PREVIEWS)
    op.execute(REDELIVERY)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was sent."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
