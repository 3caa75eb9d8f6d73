"""A ledger and a CRM as they are after some years of 500 dealers, written set by set and the same at every run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import psycopg2

from include.contract import Contract, load_contract
from include.duty import last_due
from include.outbound.dealers import read_dealers

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 -- psycopg2 spells its classes in lower case

DEALERS: Final = 500
PERIODS: Final = {"merkle_sar_daily": 1260, "fcs_ddc_daily": 700, "renault_sar_monthly": 40}
"""Days or months back from the last that is due: 630,000, 350,000 and 20,000 files."""
ARRIVAL_DAYS: Final = 200
INBOUND: Final = ("proresponse_sales", "proresponse_service")
TOLD_DAYS: Final = 30
"""Files of the last days have events and quality results; those before have none, which changes no page but theirs."""

_OUT: Final = """
CREATE TEMP TABLE told AS
SELECT p.interface, p.partner, p.zone, d.dealer, d.n,
       (p.last - make_interval(days => CASE WHEN p.monthly THEN 0 ELSE back END,
                               months => CASE WHEN p.monthly THEN back ELSE 0 END))::date AS day,
       p.monthly, back
  FROM bench_interface p JOIN bench_dealer d USING (interface), generate_series(0, p.periods - 1) AS back
 ORDER BY day, p.interface, d.n;
INSERT INTO ledger.file (interface, partner, dealer, environment, window_start, window_end, business_date, revision,
    sequence, state, reason, contract_version, file_name, sha256, content_hash, bytes, rows, rejected, withheld,
    control_total, remote_path, created_at, published_at, zone)
SELECT interface, partner, dealer, 'live', starts, ends, day, 0, sequence, state,
       CASE WHEN state IN ('HELD', 'WITHHELD', 'CANCELLED', 'UNKNOWN') THEN '40 of 50 rows rejected' END, '1.0.0',
       CASE WHEN made THEN interface || '_' || dealer || '_' || sequence || '.csv' END,
       CASE WHEN made THEN md5(seed) || md5(seed || 'b') END,
       CASE WHEN made THEN md5(seed) || md5(seed || 'c') END,
       CASE WHEN made THEN 40000 END, 200 + number % 97, (number % 10 = 0)::int * 5, number % 3, 12345.67,
       CASE WHEN sent THEN '/inbound/' || interface END, ends + interval '6 hours',
       CASE WHEN sent THEN ends + interval '6 hours 5 minutes' END, zone
  FROM (SELECT *, state IN ('PUBLISHED', 'ACKED', 'SUPERSEDED') AS sent,
               state NOT IN ('PLANNED', 'CHECKED', 'WITHHELD', 'PROPOSED', 'CANCELLED') AS made,
               interface || number AS seed
          FROM (SELECT *, day::timestamp AT TIME ZONE zone AS starts,
                       (day + CASE WHEN monthly THEN interval '1 month' ELSE interval '1 day' END) AT TIME ZONE zone
                           AS ends,
                       %(most)s - back AS sequence,
                       CASE WHEN back < 2 AND number % 20 = 0
                                THEN (ARRAY['PLANNED', 'CHECKED', 'RENDERED', 'GATED', 'UPLOADING', 'UPLOADED'])
                                     [1 + number / 20 % 6]
                            WHEN back < 30 AND number % 70 = 1
                                THEN (ARRAY['HELD', 'PROPOSED', 'UNKNOWN'])[1 + number / 70 % 3]
                            WHEN number % 100 = 2 THEN (ARRAY['WITHHELD', 'CANCELLED', 'SUPERSEDED'])
                                [1 + number / 100 % 3]
                            WHEN partner = 'merkle' AND number % 2 = 0 THEN 'ACKED'
                            ELSE 'PUBLISHED' END AS state
                  FROM (SELECT *, row_number() OVER () AS number FROM told) AS numbered) AS stated) AS made
 ORDER BY day, interface, dealer;
"""
_IN: Final = """
INSERT INTO ledger.inbound_feed (interface, dealer, directory, pattern, conn_id, encoding, date_format,
    delete_from_server, state, changed_at, changed_by, created_at)
SELECT interface, dealer, dealer || '/outgoing', CASE interface WHEN 'proresponse_sales' THEN '_SL[.]csv$' ELSE
       '_SV[.]csv$' END, 'proresponse_sftp', 'utf-8', '%m/%d/%Y', true, 'LIVE', now(), 'bench', now()
  FROM bench_inbound ORDER BY interface, dealer;
INSERT INTO ledger.arrival (feed_id, interface, dealer, directory, remote_name, size, mtime, first_seen_at,
    last_seen_at, state, reason, reject_code, sha256, bytes, landed_at, version, rows_read, rows_accepted,
    rows_rejected, applied_at, settled_at)
SELECT id, interface, dealer, directory, to_char(at, 'YYYYMMDD') || CASE interface WHEN 'proresponse_sales' THEN
       '_SL.csv' ELSE '_SV.csv' END, 40000, at, at, at, state,
       CASE WHEN state IN ('REJECTED', 'HELD', 'KEPT', 'VANISHED') THEN '30 of 31 rows rejected' END,
       CASE WHEN state = 'REJECTED' THEN 'ENCODING' END,
       CASE WHEN landed THEN md5(interface || number) || md5(number::text) END, CASE WHEN landed THEN 40000 END,
       CASE WHEN landed THEN at END, CASE WHEN landed THEN 1 END,
       CASE WHEN counted THEN 200 END, CASE WHEN counted THEN 200 - number % 4 END,
       CASE WHEN counted THEN number % 4 END,
       CASE WHEN state IN ('APPLIED', 'REMOVED', 'KEPT') THEN at END,
       CASE WHEN state IN ('REMOVED', 'KEPT', 'REJECTED', 'VANISHED') THEN at END
  FROM (SELECT *, state NOT IN ('SEEN', 'VANISHED') AS landed,
               state IN ('CHECKED', 'APPLIED', 'REMOVED', 'KEPT') AS counted
          FROM (SELECT *, CASE WHEN back = 0 AND number % 10 = 0
                                   THEN (ARRAY['SEEN', 'LANDED', 'CHECKED', 'APPLIED'])[1 + number / 10 % 4]
                               WHEN back < 30 AND number % 100 = 1 THEN 'HELD'
                               WHEN number % 100 = 2 THEN (ARRAY['REJECTED', 'VANISHED'])[1 + number / 100 % 2]
                               WHEN number % 20 = 3 THEN 'KEPT'
                               ELSE 'REMOVED' END AS state
                  FROM (SELECT f.id, f.interface, f.dealer, f.directory, back,
                               row_number() OVER (ORDER BY back DESC, f.id) AS number,
                               date_trunc('day', now()) - make_interval(days => back, secs => 7200 - f.id) AS at
                          FROM ledger.inbound_feed f, generate_series(0, %(arrival_days)s - 1) AS back) AS numbered
               ) AS stated) AS made
 ORDER BY number;
-- A copy of each hundredth came again the day after.
INSERT INTO ledger.arrival (feed_id, interface, dealer, directory, remote_name, size, mtime, first_seen_at,
    last_seen_at, state, sha256, bytes, landed_at, version, duplicate_of)
SELECT feed_id, interface, dealer, directory, 'again_' || remote_name, size, mtime, first_seen_at + interval '1 day',
       first_seen_at + interval '1 day', 'DUPLICATE', sha256, bytes, landed_at + interval '1 day', 1, id
  FROM ledger.arrival WHERE id % 100 = 0 AND sha256 IS NOT NULL;
"""
# The chain of hashes is not what is measured, and computing it for so many events would be most of the time.
_TOLD: Final = """
INSERT INTO ledger.event (id, at, actor, file_id, kind, from_state, to_state, detail, prev_hash, hash)
SELECT number, at, actor, file_id, step, from_state, step, detail::json, md5('p' || number) || md5('q' || number),
       md5(number::text) || md5('h' || number)
  FROM (SELECT row_number() OVER (ORDER BY at, file_id, detail) AS number, told.*
          FROM (SELECT f.window_end + make_interval(hours => 6, secs => place * 20 + f.id % 20) AS at,
                       'airflow:' || f.interface || '/scheduled__' || f.business_date || '/' || task || '/1' AS actor,
                       f.id AS file_id, step, from_state,
                       '{"columns": {"state": "' || step || '", "rows": 200}}' AS detail
                  FROM ledger.file f,
                       (VALUES (1, 'extract', NULL, 'PLANNED'), (2, 'check', 'PLANNED', 'CHECKED'),
                               (3, 'render', 'CHECKED', 'RENDERED'), (4, 'render', 'RENDERED', 'GATED'),
                               (5, 'publish', 'GATED', 'UPLOADING'), (6, 'publish', 'UPLOADING', 'UPLOADED'),
                               (7, 'publish', 'UPLOADED', 'PUBLISHED')) AS steps (place, task, from_state, step)
                 WHERE f.business_date > current_date - %(told_days)s
                UNION ALL
                SELECT a.first_seen_at + make_interval(secs => place * 20),
                       'airflow:' || a.interface || '/scheduled__' || a.first_seen_at::date || '/' || task || '/1',
                       NULL, step, from_state, '{"arrival": ' || a.id || ', "columns": {"state": "' || step || '"}}'
                  FROM ledger.arrival a,
                       (VALUES (1, 'collect', NULL, 'SEEN'), (2, 'collect', 'SEEN', 'LANDED'),
                               (3, 'check', 'LANDED', 'CHECKED'), (4, 'apply', 'CHECKED', 'APPLIED'),
                               (5, 'remove', 'APPLIED', 'REMOVED')) AS steps (place, task, from_state, step)
                 WHERE a.first_seen_at > current_date - %(told_days)s) AS told) AS numbered
 ORDER BY number;
UPDATE ledger.chain_head SET (id, hash) = (SELECT id, hash FROM ledger.event ORDER BY id DESC LIMIT 1);
INSERT INTO ledger.rejected_row (file_id, row_key, reasons)
SELECT id, 'line:' || id * 10 + n, ARRAY['amount_is_a_number', 'part_is_known']
  FROM ledger.file, generate_series(1, 5) AS n WHERE rejected > 0;
INSERT INTO ledger.quality_result (file_id, reader, rule, columns, dimension, severity, status, checked, failed)
SELECT id, 'row_check', 'rule_' || n, ARRAY['amount'], 'validity', 'error', 'pass', 200, 0
  FROM ledger.file, generate_series(1, 12) AS n WHERE business_date > current_date - %(told_days)s;
"""
_CRM: Final = """
INSERT INTO crm.import (kind, arrival_id, interface, dealer, sha256, seen_at, file_time, day, date_format, header,
    rows_accepted, rows_rejected, counts, applied_at)
SELECT 'FILE', n, i.interface, i.dealer, md5(n::text) || md5('s' || n), at, at, at::date, '%m/%d/%Y', 'a,b', 197, 3,
       '{}', at
  FROM (SELECT d.*, row_number() OVER (ORDER BY back DESC, d.interface, d.dealer) AS n,
               now() - make_interval(days => back) AS at
          FROM bench_inbound d, generate_series(0, %(arrival_days)s - 1) AS back) AS i
 ORDER BY n;
INSERT INTO crm.rejected_row (import_id, line, reasons, raw, state, decided_by, decided_at, why)
SELECT import_id, line, ARRAY['sold_date_is_plausible', 'rule_' || import_id % 9], 'x,y', state,
       CASE state WHEN 'DISCARDED' THEN 'bench' END, CASE state WHEN 'DISCARDED' THEN now() END,
       CASE state WHEN 'DISCARDED' THEN 'seen' END
  FROM (SELECT import_id, line, CASE WHEN import_id % 10 = 0 THEN 'OPEN' ELSE 'DISCARDED' END AS state
          FROM crm.import, generate_series(2, 3) AS line WHERE import_id % 2 = 0) AS stated
 ORDER BY import_id, line;
"""


@dataclass(frozen=True)
class Filled:
    """How many rows each table has, by name; and a run whose events are told: DAG, run, its beginning and end."""

    rows: dict[str, int]
    run: tuple[str, str, datetime, datetime]


def fill(ledger_dsn: str, dms_dsn: str) -> Filled:
    """Fill a new ledger and the CRM of a DMS that has its dealers; both end analysed."""
    now = datetime.now(UTC)
    contracts = [load_contract(name) for name in PERIODS]
    labels = {contract.id: _labels(dms_dsn, contract, now) for contract in contracts}
    inbound = [(name, f"dealer_{number:03}") for name in INBOUND for number in range(DEALERS)]
    binds = {"most": max(PERIODS.values()) + 1, "arrival_days": ARRIVAL_DAYS, "told_days": TOLD_DAYS}
    with closing(psycopg2.connect(ledger_dsn)) as connection, connection, connection.cursor() as cursor:
        # Keys are right by the way they are made; looking each up would be half of the time.
        cursor.execute("SET session_replication_role = replica; SET work_mem = '256MB'")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute("CREATE TEMP TABLE bench_interface (interface text, partner text, zone text, last date,"
                       " monthly boolean, periods int)")  # fmt: skip
        cursor.execute("CREATE TEMP TABLE bench_dealer (interface text, dealer text, n int)")
        for contract in contracts:
            last = last_due(contract, now).window.business_date
            told = (contract.id, contract.partner, contract.zone, last, contract.period_unit == "month",
                    PERIODS[contract.id])  # fmt: skip
            cursor.execute("INSERT INTO bench_interface VALUES (%s, %s, %s, %s, %s, %s)", told)
            cursor.execute(
                "INSERT INTO bench_dealer SELECT %s, dealer, n FROM unnest(%s) WITH ORDINALITY AS d (dealer, n)",
                (contract.id, labels[contract.id]),
            )
        _inbound(cursor, inbound)
        indexes = _without_indexes(cursor)
        for statement in (_OUT, _IN, _TOLD):
            cursor.execute(_bound(statement), binds)
        for index in indexes:
            cursor.execute(index)
        counts = _counts(cursor, "ledger", ("file", "arrival", "event", "rejected_row", "quality_result"))
    with closing(psycopg2.connect(dms_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        _inbound(cursor, inbound)
        cursor.execute(_bound(_CRM), binds)
        counts |= _counts(cursor, "crm", ("import", "rejected_row"))
    daily = load_contract("merkle_sar_daily")
    window = last_due(daily, now).window
    run = (daily.id, f"scheduled__{window.business_date}", window.end, now)
    return Filled(counts, run)


def _bound(statement: str) -> str:
    """Let a remainder be written as in psql: only ``%(name)s`` is for the driver."""
    return re.sub(r"%(?!\(\w+\)s)", "%%", statement)


def _labels(dms_dsn: str, contract: Contract, now: datetime) -> Sequence[str]:
    """The dealers that the DMS names, as the morning page expects them, and others that have left up to 500."""
    with closing(psycopg2.connect(dms_dsn)) as connection:
        found = {dealer.label for dealer in read_dealers(connection, contract, last_due(contract, now).window)}
    labels = sorted(found)[:DEALERS]
    return [*labels, *(f"left_{number:03}" for number in range(DEALERS - len(labels)))]


def _inbound(cursor: Cursor, inbound: Sequence[tuple[str, str]]) -> None:
    cursor.execute("CREATE TEMP TABLE bench_inbound (interface text, dealer text)")
    cursor.execute(
        "INSERT INTO bench_inbound SELECT * FROM unnest(%s, %s) AS d (interface, dealer)",
        ([name for name, _ in inbound], [dealer for _, dealer in inbound]),
    )


def _without_indexes(cursor: Cursor) -> list[str]:
    """Drop the indexes that hold no constraint; return the statements that make them again, quicker than row by row."""
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'ledger'::regnamespace AND NOT indisunique"
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def _counts(cursor: Cursor, schema: str, tables: Sequence[str]) -> dict[str, int]:
    found = {}
    for table in tables:
        cursor.execute(f"SELECT count(*) FROM {schema}.{table}")  # noqa: S608 - names of ours
        found[f"{schema}.{table}"] = int((cursor.fetchone() or (0,))[0])
    return found
