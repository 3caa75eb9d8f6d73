"""Files that may not leave (WITHHELD), documents per kind, what goes beside a file, and windows that follow on."""

from __future__ import annotations

from alembic import op

revision = "ledger_0004"
down_revision = "ledger_0003"
branch_labels = None
depends_on = None

# A file is withheld before any attempt to send it, so a time of publication cannot be there.
WITHHELD = """
ALTER TABLE ledger.file DROP CONSTRAINT file_state,
    ADD CONSTRAINT file_state CHECK (state IN ('PLANNED', 'CHECKED', 'RENDERED', 'GATED', 'UPLOADING', 'UPLOADED',
        'PUBLISHED', 'ACKED', 'HELD', 'WITHHELD', 'PROPOSED', 'UNKNOWN', 'SUPERSEDED', 'CANCELLED')),
    ADD CONSTRAINT file_withheld_says_why CHECK (state <> 'WITHHELD' OR coalesce(reason, '') ~ '[^[:space:]]'),
    DROP CONSTRAINT file_published_has_a_time,
    ADD CONSTRAINT file_published_has_a_time CHECK (CASE
        WHEN state IN ('PUBLISHED', 'ACKED', 'SUPERSEDED') THEN published_at IS NOT NULL
        WHEN state IN ('PLANNED', 'CHECKED', 'RENDERED', 'PROPOSED', 'WITHHELD') THEN published_at IS NULL
        ELSE true END);
"""

RECORDS = """
ALTER TABLE ledger.file ADD COLUMN records jsonb CONSTRAINT file_records CHECK (jsonb_typeof(records) = 'object');
COMMENT ON COLUMN ledger.file.records IS 'Documents by record kind; rows counts their lines';
ALTER TABLE ledger.file ADD COLUMN dealer_key text;
COMMENT ON COLUMN ledger.file.dealer_key IS
    'Who the dealer is in the source: its number there and what the header says of it; the code may change hands';
"""

COMPANIONS = """
CREATE TABLE ledger.companion (
    file_id      bigint NOT NULL REFERENCES ledger.file,
    position     integer NOT NULL CHECK (position >= 1),
    name         text NOT NULL CHECK (name <> ''),
    kind         text NOT NULL CHECK (kind <> ''),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes        bigint NOT NULL CHECK (bytes >= 0),
    fingerprint  text NOT NULL,
    remote_path  text,
    temp_name    text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    PRIMARY KEY (file_id, position),
    CONSTRAINT companion_name_is_used_once UNIQUE (file_id, name),
    CONSTRAINT companion_published_has_a_place CHECK (published_at IS NULL OR remote_path IS NOT NULL)
);
COMMENT ON TABLE ledger.companion IS
    'What goes to the partner beside a file and before it, in the order of position; its bytes are in the archive';
COMMENT ON COLUMN ledger.companion.fingerprint IS 'What the companions of the file were made from; equal: made alike';
CREATE INDEX companion_by_sha256 ON ledger.companion (sha256);
"""

# The files of one dealer by the end of their windows, and those that the partner has not got.
WINDOWS = """
CREATE INDEX file_by_window_end ON ledger.file (interface, dealer, environment, window_end);
CREATE INDEX file_not_published ON ledger.file (interface, dealer, environment, window_start)
    WHERE published_at IS NULL;
"""


def upgrade() -> None:
    """Widen what exists; no row of the past loses or changes anything."""
    for statements in (WITHHELD, RECORDS, COMPANIONS, WINDOWS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was sent."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
