"""What comes in: the feeds of partners' directories, and every file that was seen there with what became of it."""

from __future__ import annotations

from alembic import op

revision = "ledger_0005"
down_revision = "ledger_0004"
branch_labels = None
depends_on = None

FEEDS = """
CREATE TABLE ledger.inbound_feed (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interface          text NOT NULL CHECK (interface <> ''),
    dealer             text NOT NULL CHECK (dealer <> ''),
    directory          text NOT NULL CHECK (directory <> '' AND directory !~ '^/'),
    pattern            text NOT NULL CHECK (pattern LIKE '%$' AND length(pattern) <= 200),
    conn_id            text NOT NULL CHECK (conn_id <> ''),
    encoding           text NOT NULL,
    date_format        text NOT NULL,
    delete_from_server boolean NOT NULL,
    state              text NOT NULL CHECK (state IN ('LIVE', 'PAUSED', 'TERMINATED')),
    reason             text CHECK (reason ~ '[^[:space:]]'),
    changed_at         timestamptz NOT NULL,
    changed_by         text NOT NULL,
    created_at         timestamptz NOT NULL,
    CONSTRAINT inbound_feed_says_why CHECK (state = 'LIVE' OR reason IS NOT NULL)
);
COMMENT ON TABLE ledger.inbound_feed IS
    'Where a dealer''s files of one interface lie, how they are named and written. A setting never changes: the feed '
    'is terminated and another added';
CREATE UNIQUE INDEX inbound_feed_is_one_per_dealer ON ledger.inbound_feed (interface, dealer)
    WHERE state <> 'TERMINATED';
"""

ARRIVALS = """
CREATE TABLE ledger.arrival (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id       bigint NOT NULL REFERENCES ledger.inbound_feed,
    interface     text NOT NULL,
    dealer        text NOT NULL,
    directory     text NOT NULL,
    remote_name   text NOT NULL CHECK (remote_name !~ '[[:cntrl:]]'),
    size          bigint CHECK (size >= 0),
    mtime         timestamptz,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    seen_count    integer NOT NULL DEFAULT 1,
    state         text NOT NULL,
    reason        text,
    reject_code   text,
    sha256        text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes         bigint CHECK (bytes >= 0),
    landed_at     timestamptz,
    version       integer CHECK (version >= 1),
    duplicate_of  bigint REFERENCES ledger.arrival,
    rows_read     bigint,
    rows_accepted bigint,
    rows_rejected bigint,
    applied_at    timestamptz,
    settled_at    timestamptz,
    purged_at     timestamptz,
    attempts      integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    run_id        text,
    lease_token   bigint,
    lease_holder  text,
    lease_until   timestamptz,
    CONSTRAINT arrival_state CHECK (state IN ('SEEN', 'LANDED', 'CHECKED', 'APPLIED', 'REMOVED', 'KEPT', 'DUPLICATE',
        'REJECTED', 'HELD', 'VANISHED')),
    CONSTRAINT arrival_seen_in_order CHECK (first_seen_at <= last_seen_at AND seen_count >= 1),
    CONSTRAINT arrival_says_why CHECK (
        state NOT IN ('REJECTED', 'HELD', 'KEPT', 'VANISHED') OR coalesce(reason, '') ~ '[^[:space:]]'),
    CONSTRAINT arrival_reject_code CHECK ((state = 'REJECTED') = (reject_code IS NOT NULL)),
    CONSTRAINT arrival_landed_has_bytes CHECK (
        (sha256 IS NULL) = (bytes IS NULL) AND (sha256 IS NULL) = (landed_at IS NULL)
        AND (sha256 IS NULL) = (version IS NULL)
        AND (sha256 IS NOT NULL OR state IN ('SEEN', 'REJECTED', 'HELD', 'VANISHED'))),
    CONSTRAINT arrival_duplicate CHECK (state <> 'DUPLICATE' OR duplicate_of IS NOT NULL),
    CONSTRAINT arrival_counts CHECK (
        (rows_read IS NULL) = (rows_accepted IS NULL) AND (rows_read IS NULL) = (rows_rejected IS NULL)
        AND rows_accepted >= 0 AND rows_rejected >= 0 AND rows_read = rows_accepted + rows_rejected),
    CONSTRAINT arrival_checked_has_counts CHECK (state NOT IN ('CHECKED', 'APPLIED') OR rows_read IS NOT NULL),
    CONSTRAINT arrival_applied_has_a_time CHECK (
        (applied_at IS NOT NULL) = (state = 'APPLIED' OR (state IN ('REMOVED', 'KEPT') AND duplicate_of IS NULL))),
    CONSTRAINT arrival_settled_has_a_time CHECK (
        (settled_at IS NOT NULL) = (state IN ('REMOVED', 'KEPT', 'REJECTED', 'VANISHED'))),
    CONSTRAINT arrival_purged_is_settled CHECK (
        purged_at IS NULL OR (sha256 IS NOT NULL AND settled_at IS NOT NULL)),
    CONSTRAINT arrival_lease CHECK ((lease_holder IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE ledger.arrival IS 'One file that was seen at a partner, with its fate';
COMMENT ON COLUMN ledger.arrival.remote_name IS 'A label: the name itself if it is sound, otherwise escaped';
COMMENT ON COLUMN ledger.arrival.size IS 'As listed; bytes is what was read';
COMMENT ON COLUMN ledger.arrival.version IS
    'Counts the contents that came under this name; 2 and more: the partner changed what it had sent';
COMMENT ON COLUMN ledger.arrival.purged_at IS 'When retention let go of its bytes; the row and its events stay';
COMMENT ON COLUMN ledger.arrival.attempts IS 'Failed attempts since the state began';
CREATE UNIQUE INDEX arrival_is_one_listed_file ON ledger.arrival (feed_id, remote_name, size, mtime)
    NULLS NOT DISTINCT WHERE state NOT IN ('REMOVED', 'VANISHED');
CREATE INDEX arrival_waiting ON ledger.arrival (interface, state)
    WHERE state IN ('SEEN', 'LANDED', 'CHECKED', 'APPLIED', 'DUPLICATE', 'HELD');
CREATE INDEX arrival_by_content ON ledger.arrival (interface, dealer, sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX arrival_by_name ON ledger.arrival (interface, dealer, directory, remote_name) WHERE sha256 IS NOT NULL;
CREATE INDEX arrival_by_sha256 ON ledger.arrival (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX arrival_by_original ON ledger.arrival (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX arrival_by_sighting ON ledger.arrival (interface, first_seen_at);
CREATE INDEX event_by_arrival ON ledger.event ((detail ->> 'arrival'), id) WHERE detail ->> 'arrival' IS NOT NULL;
"""

GUARDS = """
CREATE TRIGGER arrival_is_kept BEFORE DELETE OR TRUNCATE ON ledger.arrival
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER arrival_identity_is_fixed
    BEFORE UPDATE OF feed_id, interface, dealer, directory, remote_name, size, mtime ON ledger.arrival
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER inbound_feed_is_kept BEFORE DELETE OR TRUNCATE ON ledger.inbound_feed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
CREATE TRIGGER inbound_feed_settings_are_fixed
    BEFORE UPDATE OF interface, dealer, directory, pattern, conn_id, encoding, date_format, delete_from_server
    ON ledger.inbound_feed FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
"""


def upgrade() -> None:
    """Add feeds and arrivals; nothing that exists changes."""
    for statements in (FEEDS, ARRIVALS, GUARDS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: the events are the evidence of what was received."""
    raise NotImplementedError("the ledger is not taken back; restore the database from before the migration")
