"""SQL of a load of claims, of retail dealer codes and of tolerances."""

from __future__ import annotations

from typing import Final

RETAIL_DEALER: Final = """
INSERT INTO warranty.retail_dealer AS r (retail_code, dealer_code, dealer) VALUES (%(code)s, %(main)s, %(dealer)s)
ON CONFLICT (retail_code) DO UPDATE SET dealer = r.dealer
 WHERE r.dealer = EXCLUDED.dealer AND r.dealer_code = EXCLUDED.dealer_code
"""
PAID_SINCE: Final = """
SELECT FROM warranty.assessment a JOIN warranty.payment p USING (payment_id)
 WHERE a.dealer = %s AND p.payment_date >= %s LIMIT 1
"""
TOLERANCE: Final = """
INSERT INTO warranty.tolerance (dealer, valid_from, amount, percent) VALUES (%s, %s, %s, %s)
ON CONFLICT (dealer, valid_from) DO UPDATE SET amount = EXCLUDED.amount, percent = EXCLUDED.percent
"""

STAGED: Final = """
CREATE TEMPORARY TABLE staged_job (
    retail_code text COLLATE "C" NOT NULL, source_key text COLLATE "C" NOT NULL,
    claim_number text COLLATE "C" NOT NULL, submission_number text COLLATE "C", submitted_on date,
    work_order text COLLATE "C", vin text COLLATE "C", repair_date date, odometer integer,
    odometer_unit text COLLATE "C", status integer NOT NULL, completed_on date, held boolean,
    currency text COLLATE "C" NOT NULL, job text COLLATE "C" NOT NULL, labour numeric NOT NULL, parts numeric NOT NULL,
    subcontract numeric NOT NULL, handling numeric NOT NULL, vat numeric NOT NULL
) ON COMMIT DROP
"""
REFUSED: Final = (
    (
        "SELECT s.retail_code FROM staged_job s LEFT JOIN warranty.retail_dealer r USING (retail_code) "
        "WHERE r.retail_code IS NULL ORDER BY 1 LIMIT 1",
        "retail dealer code {0} is nobody's. Name its dealer first: `python -m include.warranty retail-dealer`",
    ),
    (
        "SELECT source_key, job FROM staged_job JOIN warranty.retail_dealer USING (retail_code) "
        "GROUP BY dealer, source_key, job HAVING count(*) > 1 ORDER BY 1, 2 LIMIT 1",
        "claim {0} tells job {1} twice. Correct it where it comes from",
    ),
    (
        "SELECT source_key FROM (SELECT DISTINCT r.dealer, s.retail_code, source_key, claim_number, submission_number, "
        "submitted_on, work_order, vin, repair_date, odometer, odometer_unit, status, completed_on, held, currency "
        "FROM staged_job s JOIN warranty.retail_dealer r ON r.retail_code = s.retail_code) d "
        "GROUP BY dealer, source_key HAVING count(*) > 1 ORDER BY 1 LIMIT 1",
        "the jobs of claim {0} tell different claims. Correct it where it comes from",
    ),
)
TOLD: Final = """
CREATE TEMPORARY TABLE told ON COMMIT DROP AS
SELECT DISTINCT r.dealer, s.retail_code, s.source_key, s.claim_number,
       coalesce(s.submission_number, '') AS submission_number, s.submitted_on, s.work_order, s.vin, s.repair_date,
       s.odometer, s.odometer_unit, s.completed_on, coalesce(s.held, false) AS held, s.currency, c.claim_id,
       c.claim_id IS NOT NULL AS known, c.retail_code AS was_code, c.currency AS was_currency, n.seq,
       coalesce(n.seq, (SELECT max(m.seq) + 1 FROM warranty.submission m WHERE m.claim_id = c.claim_id), 1) AS last_seq,
       s.status
  FROM staged_job s
  JOIN warranty.retail_dealer r ON r.retail_code = s.retail_code
  LEFT JOIN warranty.claim c ON c.dealer = r.dealer AND c.source_key = s.source_key
  LEFT JOIN warranty.submission n ON n.claim_id = c.claim_id AND n.claim_number = s.claim_number
   AND n.submission_number = coalesce(s.submission_number, '')
"""
ANOTHER: Final = (
    "SELECT source_key FROM told WHERE known AND (was_code <> retail_code OR was_currency <> currency) "
    "ORDER BY 1 LIMIT 1",
    "claim {0} has another retail dealer code or currency than before. Give what is another claim another key",
)
TOUCH_CHANGED: Final = """
INSERT INTO touched_claim
SELECT t.claim_id FROM told t JOIN warranty.claim c USING (claim_id)
  LEFT JOIN warranty.submission n ON n.claim_id = t.claim_id AND n.seq = t.seq
 WHERE known AND ((c.last_seq, c.work_order, c.vin, c.repair_date, c.odometer, c.odometer_unit, c.told_status,
                   c.completed_on, c.held)
       IS DISTINCT FROM (t.last_seq, t.work_order, t.vin, t.repair_date, t.odometer, t.odometer_unit, t.status,
                         t.completed_on, t.held)
    OR n.submitted_on IS DISTINCT FROM t.submitted_on)
UNION
SELECT claim_id
  FROM (SELECT t.claim_id, s.job, s.labour, s.parts, s.subcontract, s.handling, s.vat
          FROM told t JOIN staged_job s USING (retail_code, source_key) WHERE known) s
  FULL JOIN (SELECT j.* FROM warranty.claim_job j JOIN told USING (claim_id) WHERE known) j USING (claim_id, job)
 WHERE (s.labour, s.parts, s.subcontract, s.handling, s.vat)
       IS DISTINCT FROM (j.labour, j.parts, j.subcontract, j.handling, j.vat)
"""
CREATE: Final = """
WITH made AS (
    INSERT INTO warranty.claim (dealer, retail_code, source_key, work_order, vin, repair_date, odometer, odometer_unit,
                                told_status, status, completed_on, held, currency, last_seq)
    SELECT dealer, retail_code, source_key, work_order, vin, repair_date, odometer, odometer_unit, status, status,
           completed_on, held, currency, 1
      FROM told WHERE claim_id IS NULL
    RETURNING claim_id, dealer, source_key
)
UPDATE told t SET claim_id = m.claim_id FROM made m WHERE m.dealer = t.dealer AND m.source_key = t.source_key
"""
# Of a claim that says nothing new, not even a lock is taken: what follows is about new claims and touched ones.
# A submission's day may be told later than its numbers, or corrected, or the same numbers are submitted again: what was
# paid since the first of its days stays the claim's.
SUBMISSION: Final = """
INSERT INTO warranty.submission AS s (claim_id, seq, retail_code, claim_number, submission_number, submitted_on,
                                      first_submitted_on)
SELECT t.claim_id, t.last_seq, t.retail_code, t.claim_number, t.submission_number, t.submitted_on, t.submitted_on
  FROM told t LEFT JOIN touched_claim h ON h.claim_id = t.claim_id WHERE h.claim_id IS NOT NULL OR NOT t.known
ON CONFLICT (claim_id, claim_number, submission_number) DO UPDATE SET submitted_on = EXCLUDED.submitted_on,
    first_submitted_on = least(s.first_submitted_on, EXCLUDED.submitted_on)
 WHERE s.submitted_on IS DISTINCT FROM EXCLUDED.submitted_on
"""
UPDATE: Final = """
UPDATE warranty.claim c
   SET work_order = t.work_order, vin = t.vin, repair_date = t.repair_date, odometer = t.odometer,
       odometer_unit = t.odometer_unit, told_status = t.status, completed_on = t.completed_on, held = t.held,
       last_seq = t.last_seq
  FROM told t JOIN touched_claim USING (claim_id) WHERE c.claim_id = t.claim_id
"""
DROP_JOBS: Final = """
DELETE FROM warranty.claim_job j USING touched_claim h, told t
 WHERE j.claim_id = h.claim_id AND t.claim_id = h.claim_id AND NOT EXISTS (SELECT FROM staged_job s
        WHERE s.retail_code = t.retail_code AND s.source_key = t.source_key AND s.job = j.job)
"""
JOBS: Final = """
INSERT INTO warranty.claim_job AS j (claim_id, job, labour, parts, subcontract, handling, vat)
SELECT t.claim_id, s.job, s.labour, s.parts, s.subcontract, s.handling, s.vat
  FROM told t JOIN staged_job s USING (retail_code, source_key)
  LEFT JOIN touched_claim h ON h.claim_id = t.claim_id WHERE h.claim_id IS NOT NULL OR NOT t.known
ON CONFLICT (claim_id, job) DO UPDATE SET labour = EXCLUDED.labour, parts = EXCLUDED.parts,
    subcontract = EXCLUDED.subcontract, handling = EXCLUDED.handling, vat = EXCLUDED.vat
 WHERE (j.labour, j.parts, j.subcontract, j.handling, j.vat) IS DISTINCT FROM (EXCLUDED.labour, EXCLUDED.parts,
        EXCLUDED.subcontract, EXCLUDED.handling, EXCLUDED.vat)
"""
# Lines that a claim has, or could have, by any of its numbers. A new claim itself has nothing to settle without one.
TOUCH_LINES: Final = """
INSERT INTO touched_line
SELECT l.line_id FROM (SELECT claim_id FROM touched_claim UNION SELECT claim_id FROM told WHERE seq IS NULL) t
  JOIN warranty.submission s ON s.claim_id = t.claim_id
  JOIN warranty.payment_line l ON l.retail_code = s.retail_code AND l.claim_number = s.claim_number
ON CONFLICT DO NOTHING
"""
