"""What the person on call was told of, and when; and that somebody is looking."""

from __future__ import annotations

from alembic import op

revision = "ledger_0007"
down_revision = "ledger_0006"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ledger.notice (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind ~ '^[A-Z_]+$'),
    subject     text NOT NULL,
    scope       text NOT NULL,
    interface   text,
    dealer      text,
    period      date,
    said        text NOT NULL,
    opened_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamptz,
    resolved_by text,
    outcome     text,
    CONSTRAINT notice_ends_with_an_outcome CHECK (
        (resolved_at IS NULL) = (outcome IS NULL) AND (resolved_at IS NULL) = (resolved_by IS NULL))
);
COMMENT ON TABLE ledger.notice IS 'Something that needs a person, from when it was noticed until it was so no more';
COMMENT ON COLUMN ledger.notice.subject IS 'With the kind: what it is about; there is one open notice of it at most';
COMMENT ON COLUMN ledger.notice.scope IS 'Where one looks to know whether it is still so: an interface, or airflow';
COMMENT ON COLUMN ledger.notice.period IS 'First day of the period whose file was promised';
CREATE UNIQUE INDEX notice_is_open_once ON ledger.notice (kind, subject) WHERE resolved_at IS NULL;
-- A file of one period is late once, and missing once, whoever closed the notice.
CREATE UNIQUE INDEX notice_of_a_promise_is_made_once ON ledger.notice (kind, subject) WHERE kind IN ('LATE', 'MISSING');
CREATE INDEX notice_newest ON ledger.notice (opened_at, id);

CREATE TABLE ledger.notice_telling (
    notice_id bigint NOT NULL REFERENCES ledger.notice,
    channel   text NOT NULL,
    stage     text NOT NULL CHECK (stage IN ('OPENED', 'RESOLVED')),
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (notice_id, channel, stage)
);
COMMENT ON TABLE ledger.notice_telling IS 'On which channel a notice, or its end, was told: once each';

CREATE TABLE ledger.heartbeat (
    name    text PRIMARY KEY,
    owner   text NOT NULL,
    at      timestamptz NOT NULL,
    seconds integer NOT NULL CHECK (seconds > 0),
    seen_at timestamptz
);
COMMENT ON TABLE ledger.heartbeat IS 'Who looks, when they last did, and how many seconds apart';
COMMENT ON COLUMN ledger.heartbeat.seen_at IS 'When everything could last be looked at';
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was sent."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
