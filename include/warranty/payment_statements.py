"""SQL that writes a payment down before it is settled, and its mark afterwards."""

from __future__ import annotations

from typing import Final

STAGED: Final = """
CREATE TEMPORARY TABLE staged_line (
    line_no integer, dealer_code text COLLATE "C", retail_code text COLLATE "C", claim_number text COLLATE "C",
    work_order text COLLATE "C", vin text COLLATE "C", repair_date date, labour numeric NOT NULL,
    parts numeric NOT NULL, subcontract numeric NOT NULL, handling numeric NOT NULL, vat numeric NOT NULL,
    reject_code text COLLATE "C"
) ON COMMIT DROP
"""
MARKED: Final = """
SELECT p.payment_id, p.content_hash, i.counts, i.applied_at
  FROM warranty.payment p JOIN warranty.import i USING (payment_id) WHERE p.document_number = %s
"""
TOTALS: Final = """
SELECT coalesce(sum(labour), 0), coalesce(sum(parts), 0), coalesce(sum(subcontract), 0), coalesce(sum(handling), 0),
       coalesce(sum(vat), 0)
  FROM staged_line
"""
TWICE: Final = "SELECT line_no FROM staged_line GROUP BY line_no HAVING count(*) > 1 OR line_no IS NULL LIMIT 1"
# Without a dealer it is of nobody known, and goes to suspense: the code that leads to nobody is the empty one.
PAYMENT: Final = """
INSERT INTO warranty.payment (document_number, content_hash, payment_date, currency, labour, parts, subcontract,
                              handling, vat, line_count)
VALUES (%(document_number)s, %(content_hash)s, %(payment_date)s, %(currency)s, %(labour)s, %(parts)s, %(subcontract)s,
        %(handling)s, %(vat)s, %(line_count)s)
RETURNING payment_id
"""
LINES: Final = """
WITH added AS (
    INSERT INTO warranty.payment_line (payment_id, line_no, dealer_code, retail_code, claim_number, work_order, vin,
                                       repair_date, labour, parts, subcontract, handling, vat, reject_code)
    SELECT %s, line_no, coalesce(dealer_code, ''), coalesce(retail_code, ''), claim_number, work_order, vin,
           repair_date, labour, parts, subcontract, handling, vat, reject_code
      FROM staged_line ORDER BY line_no
    RETURNING line_id
)
INSERT INTO touched_line SELECT line_id FROM added
"""
COUNTS: Final = """
SELECT outcome, count(*) FROM warranty.assessment WHERE payment_id = %s GROUP BY outcome ORDER BY outcome
"""
SUSPENSE: Final = """
SELECT coalesce(sum(l.gross), 0)::text, array_agg(DISTINCT l.retail_code ORDER BY l.retail_code)
  FROM warranty.assessment a JOIN warranty.payment_line l USING (line_id)
 WHERE a.payment_id = %s AND a.dealer = 'UNKNOWN'
"""
DIGEST: Final = """
SELECT encode(sha256(convert_to(coalesce(string_agg(said, E'\\n' ORDER BY line_no, said), ''), 'UTF8')), 'hex')
  FROM (SELECT line_no, jsonb_build_array(line_no, dealer_code, retail_code, claim_number, work_order, vin, repair_date,
               reject_code, labour::numeric(14,2), parts::numeric(14,2), subcontract::numeric(14,2),
               handling::numeric(14,2), vat::numeric(14,2))::text AS said FROM staged_line) s
"""
MARK: Final = "INSERT INTO warranty.import (payment_id, counts) VALUES (%s, %s) RETURNING applied_at"
