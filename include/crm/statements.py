"""The SQL of an import, in the order in which it runs; what each does stands in ``include.crm.apply``."""

from __future__ import annotations

from typing import Final

# Columns that the content of an activity is; what is left out says whose it is, or when and by what it was written.
CONTENT: Final = (
    "occurred_on", "description", "deal_number", "amount_financed", "cash_purchase", "term_months", "monthly_payment",
    "last_payment_on", "work_order_number", "branch", "work_order_amount", "line_count", "opened_on", "closed_on",
    "work_order_status", "unit_manufacturer", "unit_make", "unit_model", "unit_year", "unit_type", "stock_number",
    "unit_identifier", "identifier_type",
)  # fmt: skip
_CONTENT = ", ".join(CONTENT)

STAGED: Final = f"""
CREATE TEMP TABLE staged ON COMMIT DROP AS
SELECT 0::bigint AS row, NULL::integer[] AS lines, source_key, key_source, content_hash, {_CONTENT}
  FROM crm.activity WHERE false
"""  # noqa: S608

# The order of files: not that in which they are applied. A file that waited for a person must not undo what a later one
# said; what that later one only confirmed stands in import_confirmation.
KNOWN: Final = """
CREATE TEMP TABLE known ON COMMIT DROP AS
WITH newer AS (
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
SELECT s.row,
       a.activity_id,
       a.content_hash,
       (i.seen_at, i.file_time, i.arrival_id) > (%(seen_at)s, %(file_time)s, %(arrival_id)s)
           OR a.activity_id IN (SELECT activity_id FROM confirmed) AS older,
       i.arrival_id = %(arrival_id)s OR a.activity_id IN (SELECT activity_id FROM ours) AS same_file
  FROM staged s
  JOIN crm.activity a ON a.dealer = %(dealer)s AND a.type = %(type)s AND a.source_key = s.source_key
  JOIN crm.import i ON i.import_id = a.last_import_id;
ANALYZE known
"""

# A corrected line joins those that its own file brought; a whole file brings all lines that there are.
ADD_LINE: Final = """
UPDATE staged s
   SET {told},
       work_order_amount = s.work_order_amount + a.work_order_amount,
       line_count = s.line_count + a.line_count
  FROM known k JOIN crm.activity a ON a.activity_id = k.activity_id AND a.type = %(type)s
 WHERE k.row = s.row AND k.same_file AND NOT k.older AND a.type = 'WORK_ORDER'
""".format(
    told=", ".join(
        f"{name} = coalesce(s.{name}, a.{name})" for name in CONTENT if name not in ("work_order_amount", "line_count")
    )
)

ADDED: Final = f"SELECT row, {_CONTENT} FROM staged"  # noqa: S608
REHASH: Final = "UPDATE staged SET content_hash = %s WHERE row = %s"
NEW_ROWS: Final = "SELECT row FROM staged EXCEPT SELECT row FROM known"

# Numbers are allotted while rows come in, so that what belongs together need not be looked up by its key again.
DECIDED: Final = """
CREATE TEMP TABLE fresh_contact (
    person bigint PRIMARY KEY, contact_id bigint NOT NULL DEFAULT nextval('crm.contact_contact_id_seq'),
    kind text, first_name text, last_name text, company_name text, co_buyer text, dms_customer_number text,
    address text, city text, state text, postal_code text, first_key text, last_key text, number_key text
) ON COMMIT DROP;
CREATE TEMP TABLE fresh_point (person bigint, kind text, normalised text, as_given text) ON COMMIT DROP;
CREATE TEMP TABLE decided (
    row bigint PRIMARY KEY, outcome text, rule text, contact_id bigint, person bigint, inputs_hash text,
    candidates bigint[], said jsonb,
    activity_id bigint NOT NULL DEFAULT nextval('crm.activity_activity_id_seq'),
    match_decision_id bigint NOT NULL DEFAULT nextval('crm.match_decision_match_decision_id_seq')
) ON COMMIT DROP
"""

_CONTACT = (
    "dealer, kind, first_name, last_name, company_name, co_buyer, dms_customer_number, address, city, state, "
    "postal_code, first_key, last_key, number_key"
)
CONTACTS: Final = f"""
INSERT INTO crm.contact (contact_id, {_CONTACT}, created_by_import)
SELECT contact_id, {_CONTACT.replace("dealer", "%(dealer)s", 1)}, %(import_id)s FROM fresh_contact ORDER BY contact_id
"""  # noqa: S608
POINTS: Final = """
INSERT INTO crm.contact_point (contact_id, kind, normalised, as_given)
SELECT contact_id, p.kind, p.normalised, p.as_given FROM fresh_point p JOIN fresh_contact USING (person)
"""

# Not ON CONFLICT: under the dealer's lock it is known already which rows are new. It would look each key up a second
# time, a fifth of the statement, and lock rows that it does not change. The unique key stays as the last guard.
ACTIVITIES: Final = f"""
INSERT INTO crm.activity (activity_id, dealer, type, contact_id, source_key, key_source, {_CONTENT}, content_hash,
                          first_import_id, last_import_id)
OVERRIDING SYSTEM VALUE
SELECT d.activity_id, %(dealer)s, %(type)s, coalesce(d.contact_id, f.contact_id), s.source_key, s.key_source,
       {", ".join(f"s.{name}" for name in CONTENT)}, s.content_hash, %(import_id)s, %(import_id)s
  FROM decided d JOIN staged s USING (row) LEFT JOIN fresh_contact f USING (person)
 ORDER BY s.row
"""  # noqa: S608
CHANGES: Final = f"""
UPDATE crm.activity a
   SET {", ".join(f"{name} = s.{name}" for name in CONTENT)},
       content_hash = s.content_hash,
       last_import_id = %(import_id)s,
       changed_at = clock_timestamp()
  FROM known k JOIN staged s USING (row)
 WHERE a.activity_id = k.activity_id AND a.type = %(type)s AND NOT k.older AND k.content_hash <> s.content_hash
"""  # noqa: S608

CONFIRMATION: Final = """
INSERT INTO crm.import_confirmation (import_id, activity_ids)
SELECT %(import_id)s, array_agg(k.activity_id ORDER BY k.activity_id)
  FROM known k JOIN staged s USING (row)
 WHERE NOT k.older AND k.content_hash = s.content_hash
HAVING count(*) > 0
"""

DECISIONS: Final = """
INSERT INTO crm.match_decision (match_decision_id, import_id, activity_id, lines, outcome, rule, contact_id,
                                inputs_hash)
SELECT d.match_decision_id, %(import_id)s, d.activity_id, s.lines, d.outcome, d.rule,
       coalesce(d.contact_id, f.contact_id), d.inputs_hash
  FROM decided d JOIN staged s USING (row) LEFT JOIN fresh_contact f USING (person)
 ORDER BY d.row
"""
REVIEWS: Final = """
INSERT INTO crm.review_item (match_decision_id, dealer, activity_id, candidates, said)
SELECT match_decision_id, %(dealer)s, activity_id, candidates, said FROM decided WHERE outcome = 'REVIEW' ORDER BY row
"""
REJECTED: Final = """
CREATE TEMP TABLE refused (line integer, reasons text[], raw text) ON COMMIT DROP
"""
REJECTED_ROWS: Final = """
INSERT INTO crm.rejected_row (import_id, line, reasons, raw)
SELECT %(import_id)s, line, reasons, raw FROM refused ORDER BY line
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
SELECT contact_id, first_key, last_key FROM crm.contact WHERE dealer = %s AND merged_into IS NULL
"""
KEYS: Final = """
SELECT coalesce(c.merged_into, c.contact_id), p.kind, p.normalised
  FROM crm.contact c JOIN crm.contact_point p USING (contact_id) WHERE c.dealer = %(dealer)s
UNION ALL
SELECT coalesce(merged_into, contact_id), 'NUMBER', number_key
  FROM crm.contact WHERE dealer = %(dealer)s AND number_key IS NOT NULL
"""
OWN: Final = "SELECT kind, value FROM crm.own_address WHERE dealer = %s"
