"""
SQL that says whose each line is.

A line's claim depends on the line, on claims and on people's decisions; on no other line. That is what makes the result
indifferent to the order of files.
"""

from __future__ import annotations

from typing import Final

TOUCHED: Final = """
CREATE TEMPORARY TABLE touched_line (line_id bigint PRIMARY KEY) ON COMMIT DROP;
CREATE TEMPORARY TABLE touched_claim (claim_id bigint PRIMARY KEY) ON COMMIT DROP;
CREATE TEMPORARY TABLE touched_payment (payment_id bigint PRIMARY KEY) ON COMMIT DROP;
"""

# Money that nobody has claimed yet is looked at again by each import and each load of claims.
TOUCH_OPEN: Final = """
INSERT INTO touched_line SELECT line_id FROM warranty.assessment WHERE claim_id IS NULL ON CONFLICT DO NOTHING
"""

# Tables of their own and not parts of one statement: in it their rows are guessed at, and each would look for its claim
# by itself, or all of them by work order.
ASKED: Final = """
CREATE TEMPORARY TABLE asked ON COMMIT DROP AS
SELECT l.line_id, l.payment_id, l.retail_code, l.claim_number, l.work_order, l.vin, l.repair_date,
       p.payment_date, p.currency,
       CASE WHEN r.dealer_code IS NOT NULL AND l.dealer_code IN ('', r.dealer_code) THEN r.dealer
            ELSE 'UNKNOWN' END AS dealer,
       CASE WHEN r.retail_code IS NULL THEN 'UNKNOWN_RETAIL_DEALER'
            WHEN l.dealer_code NOT IN ('', r.dealer_code) THEN 'OTHER_MAIN_DEALER'
            WHEN m.line_id IS NOT NULL THEN 'MOVED' END AS barred
  FROM touched_line t
  JOIN warranty.payment_line l USING (line_id)
  JOIN warranty.payment p USING (payment_id)
  LEFT JOIN warranty.retail_dealer r ON r.retail_code = l.retail_code
  LEFT JOIN (SELECT DISTINCT line_id FROM warranty.decision WHERE line_id IS NOT NULL AND reversed_at IS NULL) m
    ON m.line_id = l.line_id
"""
# `hindrance`: what keeps the line from being the payment of a claim that its number leads to; null if nothing does.
FOUND: Final = """
CREATE TEMPORARY TABLE found ON COMMIT DROP AS
WITH hit AS (
    SELECT l.line_id, c.claim_id, bool_or(s.seq = c.last_seq) AS present,
           CASE WHEN c.currency <> l.currency THEN 'OTHER_CURRENCY'
                WHEN c.vin <> l.vin THEN 'VIN_DIFFERS'
                WHEN c.work_order <> l.work_order THEN 'WORK_ORDER_DIFFERS'
                WHEN c.repair_date <> l.repair_date THEN 'REPAIR_DATE_DIFFERS'
                WHEN min(s.first_submitted_on) <= l.payment_date IS NOT TRUE THEN 'BEFORE_SUBMISSION'
                WHEN c.completed_on < l.payment_date THEN 'CLAIM_COMPLETE' END AS hindrance
      FROM asked l
      JOIN warranty.submission s ON s.retail_code = l.retail_code AND s.claim_number = l.claim_number
      JOIN warranty.claim c ON c.claim_id = s.claim_id
     WHERE l.barred IS NULL
     GROUP BY l.line_id, c.claim_id, c.currency, l.currency, c.vin, l.vin, c.work_order, l.work_order, c.repair_date,
              l.repair_date, l.payment_date, c.completed_on
)
SELECT line_id, count(*) FILTER (WHERE hindrance IS NULL) AS fitting,
       min(claim_id) FILTER (WHERE hindrance IS NULL) AS claim_id,
       bool_or(present) FILTER (WHERE hindrance IS NULL) AS present,
       min(hindrance) AS hindrance, array_agg(claim_id ORDER BY claim_id) AS candidates
  FROM hit GROUP BY line_id
"""
ASSESS: Final = """
CREATE TEMPORARY TABLE assessed ON COMMIT DROP AS
WITH by_work_order AS (
    SELECT l.line_id, array_agg(c.claim_id ORDER BY c.claim_id) AS candidates
      FROM asked l
      JOIN warranty.claim c ON c.retail_code = l.retail_code AND c.work_order = l.work_order
       AND c.repair_date = l.repair_date AND c.vin = l.vin
     WHERE l.barred IS NULL AND NOT EXISTS (SELECT FROM found f WHERE f.line_id = l.line_id)
     GROUP BY l.line_id
)
SELECT l.line_id, l.payment_id, l.dealer,
       CASE WHEN f.fitting = 1 THEN f.claim_id END AS claim_id,
       CASE WHEN f.fitting = 1 THEN CASE WHEN f.present THEN 'NUMBER' ELSE 'EARLIER_NUMBER' END END AS rule,
       CASE WHEN f.fitting = 1 THEN NULL
            WHEN l.barred IS NOT NULL THEN l.barred
            WHEN f.fitting > 1 THEN 'AMBIGUOUS'
            WHEN f.fitting = 0 THEN f.hindrance
            WHEN w.line_id IS NOT NULL THEN 'BY_WORK_ORDER'
            ELSE 'NO_CLAIM' END AS reason,
       CASE WHEN f.fitting = 1 THEN '{}' ELSE coalesce(f.candidates, w.candidates, '{}') END AS candidates,
       a.claim_id AS was_of, a.line_id IS NULL AS is_new, a.dealer IS DISTINCT FROM l.dealer AS moves_dealer
  FROM asked l
  LEFT JOIN found f ON f.line_id = l.line_id
  LEFT JOIN by_work_order w ON w.line_id = l.line_id
  LEFT JOIN warranty.assessment a ON a.line_id = l.line_id
"""

TOUCH_CLAIMS: Final = """
INSERT INTO touched_claim
SELECT claim_id FROM assessed WHERE claim_id IS NOT NULL
UNION SELECT was_of FROM assessed WHERE was_of IS NOT NULL
ON CONFLICT DO NOTHING
"""
TOUCH_PAYMENTS: Final = """
INSERT INTO touched_payment SELECT DISTINCT payment_id FROM assessed WHERE moves_dealer
"""
# Whether it is new was asked before anything was written: asked of a table that fills meanwhile and has no statistics
# yet, it took the square of the rows (240 s for 200,000).
# `FULL` is what most lines are found to be, which then need no second writing.
WRITE_NEW: Final = """
INSERT INTO warranty.assessment (line_id, payment_id, dealer, claim_id, rule, reason, candidates, outcome)
SELECT line_id, payment_id, dealer, claim_id, rule, reason, candidates,
       CASE WHEN claim_id IS NULL THEN 'UNMATCHED' ELSE 'FULL' END
  FROM assessed WHERE is_new
"""
WRITE_CHANGED: Final = """
UPDATE warranty.assessment a
   SET dealer = s.dealer, claim_id = s.claim_id, rule = s.rule, reason = s.reason, candidates = s.candidates,
       outcome = CASE WHEN s.claim_id IS NULL THEN 'UNMATCHED' ELSE 'FULL' END,
       vat_differs = a.vat_differs AND s.claim_id IS NOT NULL
  FROM assessed s
 WHERE a.line_id = s.line_id AND (a.dealer, a.claim_id, a.reason, a.rule, a.candidates)
       IS DISTINCT FROM (s.dealer, s.claim_id, s.reason, s.rule, s.candidates)
"""
