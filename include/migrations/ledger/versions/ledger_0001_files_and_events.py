"""Files and what became of them: batches, files, events, sequences, rejected rows, quality results, archive objects."""

from __future__ import annotations

from alembic import op

revision = "ledger_0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ledger.batch (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interface        text NOT NULL,
    environment      text NOT NULL CHECK (environment IN ('live', 'test')),
    window_start     timestamptz NOT NULL,
    window_end       timestamptz NOT NULL,
    business_date    date NOT NULL,
    run_id           text NOT NULL,
    contract_version text NOT NULL,
    opened_by        text NOT NULL,
    opened_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at        timestamptz,
    rows_read        bigint CHECK (rows_read >= 0),
    snapshot         text,
    CHECK (window_start < window_end),
    CHECK ((closed_at IS NULL) = (rows_read IS NULL) AND (closed_at IS NULL) = (snapshot IS NULL))
);
COMMENT ON TABLE ledger.batch IS 'One extraction over one window; a second extraction is a second batch';

CREATE TABLE ledger.file (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interface        text NOT NULL,
    partner          text NOT NULL,
    dealer           text NOT NULL,
    environment      text NOT NULL,
    window_start     timestamptz NOT NULL,
    window_end       timestamptz NOT NULL,
    business_date    date NOT NULL,
    revision         integer NOT NULL,
    sequence         bigint,
    state            text NOT NULL,
    reason           text,
    contract_version text NOT NULL,
    batch_id         bigint REFERENCES ledger.batch,
    file_name        text,
    sha256           text,
    content_hash     text,
    bytes            bigint,
    rows             bigint,
    rejected         bigint,
    withheld         bigint,
    control_total    numeric,
    remote_path      text,
    temp_name        text,
    supersedes       bigint REFERENCES ledger.file,
    difference       jsonb,
    lease_token      bigint,
    lease_holder     text,
    lease_until      timestamptz,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at     timestamptz,
    purged_at        timestamptz,
    CONSTRAINT file_is_one_window_revision
        UNIQUE (interface, dealer, window_start, window_end, revision, environment),
    CONSTRAINT file_sequence_is_used_once UNIQUE (partner, interface, dealer, environment, sequence),
    CONSTRAINT file_environment CHECK (environment IN ('live', 'test')),
    CONSTRAINT file_window CHECK (window_start < window_end),
    CONSTRAINT file_revision CHECK (revision >= 0),
    CONSTRAINT file_sequence CHECK (sequence >= 1),
    CONSTRAINT file_state CHECK (state IN ('PLANNED', 'CHECKED', 'RENDERED', 'GATED', 'UPLOADING', 'UPLOADED',
        'PUBLISHED', 'ACKED', 'HELD', 'PROPOSED', 'UNKNOWN', 'SUPERSEDED', 'CANCELLED')),
    CONSTRAINT file_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT file_counts CHECK (bytes >= 0 AND rows >= 0 AND rejected >= 0 AND withheld >= 0),
    CONSTRAINT file_rendered_has_bytes CHECK (
        state NOT IN ('RENDERED', 'GATED', 'UPLOADING', 'UPLOADED', 'PUBLISHED', 'ACKED', 'UNKNOWN', 'SUPERSEDED')
        OR (file_name IS NOT NULL AND sha256 IS NOT NULL AND bytes IS NOT NULL AND rows IS NOT NULL)),
    CONSTRAINT file_published_has_a_time CHECK (
        (state IN ('PUBLISHED', 'ACKED', 'SUPERSEDED')) = (published_at IS NOT NULL)),
    CONSTRAINT file_published_has_a_place CHECK (published_at IS NULL OR remote_path IS NOT NULL),
    CONSTRAINT file_lease CHECK ((lease_holder IS NULL) = (lease_until IS NULL))
);
COMMENT ON COLUMN ledger.file.content_hash IS
    'Hash of the detail records alone; equal for two renderings of the same rows, whatever the header says';
COMMENT ON COLUMN ledger.file.lease_token IS
    'Token of the newest lease, kept after its end: the next one is larger';
CREATE INDEX file_by_batch ON ledger.file (batch_id);
CREATE INDEX file_by_sha256 ON ledger.file (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX file_by_date ON ledger.file (interface, environment, business_date);
CREATE SEQUENCE ledger.lease_token;

CREATE TABLE ledger.sequence (
    partner     text NOT NULL,
    interface   text NOT NULL,
    dealer      text NOT NULL,
    environment text NOT NULL CHECK (environment IN ('live', 'test')),
    last_number bigint NOT NULL CHECK (last_number >= 1),
    PRIMARY KEY (partner, interface, dealer, environment)
);
COMMENT ON TABLE ledger.sequence IS
    'Last number given out; a row lock instead of a PostgreSQL sequence, which would leave a gap at every rollback';

CREATE TABLE ledger.event (
    id         bigint PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    file_id    bigint REFERENCES ledger.file,
    kind       text NOT NULL,
    from_state text,
    to_state   text,
    reason     text,
    detail     json NOT NULL,
    prev_hash  text NOT NULL,
    hash       text NOT NULL UNIQUE
);
COMMENT ON COLUMN ledger.event.detail IS
    'json and not jsonb: the hash covers this text, and jsonb would write numbers and keys in its own way';
CREATE INDEX event_by_file ON ledger.event (file_id, id);

CREATE TABLE ledger.chain_head (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id        bigint NOT NULL,
    hash      text NOT NULL
);
COMMENT ON TABLE ledger.chain_head IS
    'Last event. Whoever appends locks this row, so the chain cannot fork; an event cut off its end is missed';
INSERT INTO ledger.chain_head (id, hash) VALUES (0, repeat('0', 64));

CREATE TABLE ledger.rejected_row (
    file_id bigint NOT NULL,
    row_key text NOT NULL,
    reasons text[] NOT NULL CHECK (cardinality(reasons) > 0)
);
COMMENT ON COLUMN ledger.rejected_row.file_id IS
    'No foreign key: it would be looked up for each of millions of rows, and files are never deleted';
COMMENT ON COLUMN ledger.rejected_row.row_key IS 'Surrogate key in the source, never a personal value';
CREATE INDEX rejected_row_by_file ON ledger.rejected_row (file_id);

CREATE TABLE ledger.quality_result (
    file_id    bigint NOT NULL REFERENCES ledger.file,
    reader     text NOT NULL CHECK (reader IN ('row_check', 'gate', 'volume')),
    rule       text NOT NULL,
    columns    text[] NOT NULL,
    dimension  text NOT NULL,
    severity   text NOT NULL,
    status     text NOT NULL CHECK (status IN ('pass', 'fail', 'error')),
    checked    bigint,
    failed     bigint,
    observed   text,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX quality_result_by_file ON ledger.quality_result (file_id, reader);

CREATE TABLE ledger.receipt (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id     bigint REFERENCES ledger.file,
    kind        text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sha256      text NOT NULL UNIQUE,
    detail      json NOT NULL
);
COMMENT ON TABLE ledger.receipt IS
    'What a partner sent back about a file. file_id is null while it names a delivery that is not ours';

CREATE TABLE ledger.feed (
    interface   text NOT NULL,
    dealer      text NOT NULL,
    environment text NOT NULL CHECK (environment IN ('live', 'test')),
    state       text NOT NULL CHECK (state IN ('enabled', 'paused')),
    reason      text NOT NULL,
    since       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (interface, dealer, environment)
);

CREATE TABLE ledger.archive_object (
    sha256          text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes           bigint NOT NULL,
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    purge_marked_at timestamptz,
    purged_at       timestamptz,
    CHECK (purged_at IS NULL OR purge_marked_at IS NOT NULL)
);
"""

# Triggers rather than grants: the ledger's own role owns the tables, and an owner can grant itself anything. A
# superuser can still switch them off, which is what the hash chain is for.
GUARDS = """
CREATE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of ledger.% is refused: it is a record of what happened; add an event that corrects it',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER file_is_kept BEFORE DELETE OR TRUNCATE ON ledger.file
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER file_identity_is_fixed
    BEFORE UPDATE OF interface, partner, dealer, environment, window_start, window_end, revision ON ledger.file
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
"""


def upgrade() -> None:
    """Create the whole ledger."""
    op.execute(TABLES)
    op.execute(GUARDS)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was sent."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
