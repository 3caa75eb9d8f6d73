"""The SQL of an import, in the order in which it runs; what each does stands in ``include.crm.apply``."""

from __future__ import annotations

from typing import Final

# Columns that the content of an activity is; what is left out says whose it is, or when and by what it was written.
CONTENT: Final = (
    "occurred_on", "description", "deal_number", "amount_financed", "cash_purchase", "term_months", "monthly_payment",
    "last_payment_on", "work_order_number", "branch", "work_order_amount", "line_count", "work_order_lines",
    "opened_on", "closed_on", "work_order_status", "unit_manufacturer", "unit_make", "unit_model", "unit_year",
    "unit_type", "stock_number", "unit_identifier", "identifier_type",
)  # fmt: skip
_CONTENT = ", ".join(CONTENT)

ANY: Final = "SELECT 1 FROM crm.activity WHERE dealer = %(dealer)s AND type = %(type)s LIMIT 1"
KEYED: Final = """
CREATE TEMP TABLE keyed (row bigint, source_key text COLLATE "C", content_hash bytea) ON COMMIT DROP
"""

# The order of files: not that in which they are applied. A file that waited for a person must not undo what a later one
# said; what that later one only confirmed stands in import_confirmation.
_NEWER: Final = """
newer AS (
    SELECT import_id, activity_ids
      FROM crm.import i JOIN crm.import_confirmation USING (import_id)
     WHERE i.dealer = %(dealer)s AND i.interface = %(interface)s AND i.seen_at >= %(seen_at)s
       AND (i.seen_at, i.file_time, i.arrival_id) > (%(seen_at)s, %(file_time)s, %(arrival_id)s)
), confirmed AS MATERIALIZED (
    SELECT DISTINCT unnest(activity_ids) AS activity_id FROM newer
), ours AS MATERIALIZED (
    SELECT DISTINCT unnest(c.activity_ids) AS activity_id
      FROM crm.import i JOIN crm.import_confirmation c USING (import_id)
     WHERE i.arrival_id = %(arrival_id)s
)
"""
_STANDS: Final = """
SELECT s.row,
       a.activity_id,
       (i.seen_at, i.file_time, i.arrival_id) > (%(seen_at)s, %(file_time)s, %(arrival_id)s)
           OR a.activity_id IN (SELECT activity_id FROM confirmed) AS older,
       a.content_hash <> s.content_hash AS differs,
       i.arrival_id = %(arrival_id)s OR a.activity_id IN (SELECT activity_id FROM ours) AS same_file
  FROM crm.activity a JOIN crm.import i ON i.import_id = a.last_import_id
"""
KNOWN: Final = f"""
CREATE TEMP TABLE known ON COMMIT DROP AS
WITH {_NEWER} {_STANDS}
  JOIN keyed s ON a.dealer = %(dealer)s AND a.type = %(type)s AND a.source_key = s.source_key
"""
UNPLACED: Final = """
CREATE TEMP TABLE unplaced (row bigint, content_hash bytea, deal_number text, identifier text, has_unit boolean)
    ON COMMIT DROP
"""
# A deal that comes again after an edit: its unit is told by its stock number now, where it was by its identifier, or
# not at all. Where it is not clear which of a deal's units is meant, they stay apart.
EDITED: Final = f"""
INSERT INTO known
WITH {_NEWER}, pairs AS (
    SELECT u.row, u.content_hash, a.activity_id,
           count(*) OVER (PARTITION BY u.row) AS of_row, count(*) OVER (PARTITION BY a.activity_id) AS of_activity
      FROM unplaced u
      JOIN crm.activity a ON a.dealer = %(dealer)s AND a.type = %(type)s AND a.deal_number = u.deal_number
     WHERE NOT EXISTS (SELECT FROM known k WHERE k.activity_id = a.activity_id)
       AND (upper(a.unit_identifier) = u.identifier OR NOT u.has_unit
            OR num_nonnulls(a.stock_number, a.unit_identifier) = 0)
) {_STANDS}
  JOIN pairs s ON a.activity_id = s.activity_id AND a.type = %(type)s
 WHERE s.of_row = 1 AND s.of_activity = 1
"""  # noqa: S608
UNKNOWN: Final = "SELECT row FROM keyed EXCEPT SELECT row FROM known"
CHANGED: Final = "SELECT row FROM known WHERE differs AND NOT older"
THERE: Final = "SELECT row FROM known"

# Rows of activities that are there, and say something else now.
STAGED: Final = f"""
CREATE TEMP TABLE staged ON COMMIT DROP AS
SELECT 0::bigint AS row, source_key, content_hash, {_CONTENT} FROM crm.activity WHERE false
"""  # noqa: S608

# A corrected line joins those that its own file brought; a whole file brings all lines that there are.
_SUMMED: Final = ("work_order_amount", "line_count", "work_order_lines")
ADD_LINE: Final = f"""
UPDATE staged s
   SET {", ".join(f"{name} = coalesce(s.{name}, a.{name})" for name in CONTENT if name not in _SUMMED)}
  FROM known k JOIN crm.activity a ON a.activity_id = k.activity_id AND a.type = %(type)s
 WHERE k.row = s.row AND k.same_file AND NOT k.older AND a.type = 'WORK_ORDER'
RETURNING s.row, a.work_order_lines, a.work_order_amount, s.work_order_lines, s.work_order_amount
"""  # noqa: S608
SUMMED: Final = "UPDATE staged SET work_order_lines = %s, work_order_amount = %s, line_count = %s WHERE row = %s"

ADDED: Final = f"SELECT row, {_CONTENT} FROM staged"  # noqa: S608
REHASH: Final = "UPDATE staged SET content_hash = %s WHERE row = %s"
REHASHED: Final = """
UPDATE known k SET differs = a.content_hash <> s.content_hash
  FROM staged s, crm.activity a WHERE s.row = k.row AND a.activity_id = k.activity_id AND a.type = %(type)s
"""

# Numbers are allotted at once and rows go straight into their tables, where COPY is twice as quick as INSERT: what
# belongs together need be joined nowhere.
ALLOTTED: Final = "SELECT nextval(%s) FROM generate_series(1, %s)"

CHANGES: Final = f"""
UPDATE crm.activity a
   SET {", ".join(f"{name} = s.{name}" for name in CONTENT)},
       source_key = s.source_key,
       content_hash = s.content_hash,
       last_import_id = %(import_id)s,
       changed_at = clock_timestamp()
  FROM known k JOIN staged s USING (row)
 WHERE a.activity_id = k.activity_id AND a.type = %(type)s AND NOT k.older AND a.content_hash <> s.content_hash
"""  # noqa: S608

CONFIRMATION: Final = """
INSERT INTO crm.import_confirmation (import_id, activity_ids)
SELECT %(import_id)s, array_agg(activity_id ORDER BY activity_id) FROM known WHERE NOT older AND NOT differs
HAVING count(*) > 0
"""

OLDER: Final = "SELECT count(*) FROM known WHERE older"
MARK: Final = """
INSERT INTO crm.import (import_id, kind, arrival_id, interface, dealer, sha256, seen_at, file_time, day, date_format,
                        header, rows_accepted, rows_rejected, counts)
VALUES (%(import_id)s, %(kind)s, %(arrival_id)s, %(interface)s, %(dealer)s, %(sha256)s, %(seen_at)s, %(file_time)s,
        %(day)s, %(date_format)s, %(header)s, %(rows_accepted)s, %(rows_rejected)s, %(counts)s)
RETURNING applied_at
"""
MARKED: Final = """
SELECT import_id, applied_at, rows_accepted, rows_rejected, counts, interface, dealer, sha256
  FROM crm.import WHERE arrival_id = %s AND kind = 'FILE'
"""
NAMES: Final = """
SELECT contact_id, first_key, last_key FROM crm.contact WHERE dealer = %(dealer)s AND merged_into IS NULL
UNION ALL
SELECT merged_into, first_key, last_key FROM crm.contact WHERE dealer = %(dealer)s AND merged_into IS NOT NULL
"""
"""Who was merged is met by the names of both: people marry, and are typed in wrongly."""
KEYS: Final = """
SELECT coalesce(c.merged_into, c.contact_id), p.kind, p.normalised
  FROM crm.contact c JOIN crm.contact_point p USING (contact_id) WHERE c.dealer = %(dealer)s
UNION ALL
SELECT coalesce(merged_into, contact_id), 'NUMBER', number_key
  FROM crm.contact WHERE dealer = %(dealer)s AND number_key IS NOT NULL
"""
OWN: Final = "SELECT kind, value FROM crm.own_address WHERE dealer = %s"
