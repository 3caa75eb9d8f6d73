"""
SQL that says what each touched claim's lines make of it, and posts the difference to what the books say.

The books are not added to by rules of what a file does. Where each penny has to be is computed from all lines and all
decisions of a claim; a journal is that, less what is there. So the end does not depend on who came first, and whoever
comes twice finds nothing left to post.
"""

from __future__ import annotations

from typing import Final

# What is claimed, and since when: read once, of the touched claims, for all that follows.
CLAIMED: Final = """
CREATE TEMPORARY TABLE claimed ON COMMIT DROP AS
SELECT t.claim_id, c.dealer, c.currency, c.told_status, s.submitted_on, coalesce(j.gross, 0) AS claimed,
       coalesce(j.vat, 0) AS vat
  FROM touched_claim t
  JOIN warranty.claim c USING (claim_id)
  LEFT JOIN warranty.submission s ON s.claim_id = c.claim_id AND s.seq = c.last_seq
  LEFT JOIN (SELECT claim_id, sum(gross) AS gross, sum(vat) AS vat
               FROM touched_claim JOIN warranty.claim_job USING (claim_id) GROUP BY claim_id) j
    ON j.claim_id = t.claim_id
"""

# Lines of a claim in the order of their payment dates, whatever the order in which their files came.
# `before` and `after` are what was paid up to a line, what people moved here included.
LABELLED: Final = """
CREATE TEMPORARY TABLE labelled ON COMMIT DROP AS
WITH moved AS (
    SELECT to_claim_id AS claim_id, sum(amount) AS amount FROM warranty.decision
     WHERE kind = 'MOVE' AND reversed_at IS NULL GROUP BY to_claim_id
), line AS (
    SELECT a.line_id, c.claim_id, l.gross, l.vat, l.reject_code, p.payment_date, c.claimed, c.vat AS claimed_vat,
           coalesce(least(t.amount, c.claimed * t.percent * 0.01), 0) AS allowed,
           row_number() OVER back AS from_last,
           coalesce(m.amount, 0) + sum(l.gross) OVER forth AS after
      FROM claimed c
      JOIN warranty.assessment a ON a.claim_id = c.claim_id
      JOIN warranty.payment_line l ON l.line_id = a.line_id
      JOIN warranty.payment p ON p.payment_id = l.payment_id
      LEFT JOIN warranty.v_tolerance t
        ON t.dealer = c.dealer AND p.payment_date >= t.valid_from AND p.payment_date < t.valid_to
      LEFT JOIN moved m ON m.claim_id = c.claim_id
    WINDOW forth AS (PARTITION BY c.claim_id ORDER BY p.payment_date, p.document_number, l.line_no),
           back AS (PARTITION BY c.claim_id
                    ORDER BY l.gross = 0, p.payment_date DESC, p.document_number DESC, l.line_no DESC)
)
SELECT line_id, claim_id, gross, reject_code, payment_date, allowed, from_last,
       CASE WHEN reject_code IS NOT NULL AND (gross = 0 OR gross < 0 AND after <= 0) THEN 'REJECTED'
            WHEN after - gross > 0 AND claimed - (after - gross) <= allowed AND gross >= 0 THEN 'DUPLICATE'
            WHEN after > 0 AND abs(claimed - after) <= allowed THEN 'FULL'
            WHEN after > claimed THEN 'OVER'
            ELSE 'UNDER' END AS outcome,
       gross - vat = claimed - claimed_vat AND vat <> claimed_vat AS vat_differs
  FROM line
"""
WRITE_LABELS: Final = """
UPDATE warranty.assessment a SET outcome = n.outcome, vat_differs = n.vat_differs FROM labelled n
 WHERE a.line_id = n.line_id AND (a.outcome, a.vat_differs) IS DISTINCT FROM (n.outcome, n.vat_differs)
"""

# `owed` is what is still to be paid in money after what people closed. Decisions are about the difference of their day;
# what has changed since bounds them: no loss or due beyond what is claimed, no gain beyond what was paid too much, and
# what the manufacturer owes, and what was left open, give way to money.
# Materialized, or the planner puts each step's sums into the next one's, and computes them many times.
POSITIONS: Final = """
CREATE TEMPORARY TABLE positions ON COMMIT DROP AS
WITH paid AS (
    SELECT claim_id, sum(gross) AS amount, max(allowed) FILTER (WHERE from_last = 1 AND gross <> 0) AS allowed
      FROM labelled GROUP BY claim_id
), decided AS (
    SELECT claim_id, sum(amount) FILTER (WHERE kind = 'WRITE_OFF' AND amount > 0) AS loss,
           -sum(amount) FILTER (WHERE kind = 'WRITE_OFF' AND amount < 0) AS gain,
           sum(amount) FILTER (WHERE kind = 'WRITE_OFF_LEAVE_OPEN') AS left_open,
           sum(amount) FILTER (WHERE kind = 'PART_PAY') AS due,
           sum(amount) FILTER (WHERE kind = 'MOVE') AS moved_out
      FROM warranty.decision WHERE reversed_at IS NULL AND claim_id IS NOT NULL GROUP BY claim_id
), moved AS (
    SELECT to_claim_id AS claim_id, sum(amount) AS moved_in FROM warranty.decision
     WHERE kind = 'MOVE' AND reversed_at IS NULL GROUP BY to_claim_id
), told AS MATERIALIZED (
    SELECT c.claim_id, c.dealer, c.currency, c.claimed,
           coalesce(p.amount, 0) + coalesce(m.moved_in, 0) - coalesce(d.moved_out, 0) AS paid,
           coalesce(p.allowed, 0) AS allowed, least(coalesce(d.loss, 0), c.claimed) AS loss,
           coalesce(d.gain, 0) AS gain, coalesce(d.due, 0) AS most_due, coalesce(d.left_open, 0) AS left_open
      FROM claimed c LEFT JOIN paid p USING (claim_id) LEFT JOIN decided d USING (claim_id)
      LEFT JOIN moved m USING (claim_id)
), bounded AS MATERIALIZED (
    SELECT *, least(most_due, greatest(claimed - loss - greatest(paid, 0), 0)) AS due FROM told
), summed AS MATERIALIZED (
    SELECT *, loss - used AS closed, claimed - loss - due + used AS owed
      FROM bounded CROSS JOIN LATERAL (SELECT least(gain, greatest(paid - (claimed - loss - due), 0)) AS used) g
), rest AS MATERIALIZED (
    SELECT *, CASE WHEN paid > 0 AND due = 0 AND abs(owed - paid) <= allowed THEN owed - paid ELSE 0 END AS within
      FROM summed
), given AS MATERIALIZED (
    SELECT *, CASE WHEN within = 0 THEN least(greatest(owed - paid, 0), left_open) ELSE 0 END AS given_up FROM rest
)
SELECT claim_id, dealer, currency, claimed, paid, due, closed + within + given_up AS written_off,
       CASE WHEN within = 0 THEN greatest(paid - owed, 0) ELSE 0 END AS too_much,
       CASE WHEN within = 0 THEN least(paid, owed) + given_up ELSE owed END + closed + due AS settled
  FROM given
"""

DELTA: Final = """
CREATE TEMPORARY TABLE delta ON COMMIT DROP AS
WITH wanted AS (
    SELECT dealer, account, currency, NULL::bigint AS payment_id, NULL::bigint AS line_id, claim_id, amount
      FROM positions CROSS JOIN LATERAL (VALUES
           ('CLAIMS', -settled), ('WRITTEN_OFF', written_off), ('BALANCE_DUE', due), ('ON_ACCOUNT', -too_much)
      ) AS v (account, amount)
     WHERE amount <> 0
    UNION ALL
    SELECT s.dealer, CASE s.dealer WHEN 'UNKNOWN' THEN 'SUSPENSE' ELSE 'ON_ACCOUNT' END, p.currency, NULL, s.line_id,
           NULL, coalesce(d.moved_out, 0) - l.gross
      FROM assessed s
      JOIN warranty.payment_line l ON l.line_id = s.line_id
      JOIN warranty.payment p ON p.payment_id = s.payment_id
      LEFT JOIN (SELECT line_id, sum(amount) AS moved_out FROM warranty.decision
                  WHERE line_id IS NOT NULL AND reversed_at IS NULL GROUP BY line_id) d ON d.line_id = s.line_id
     WHERE s.claim_id IS NULL
    UNION ALL
    SELECT a.dealer, 'MANUFACTURER', p.currency, t.payment_id, NULL, NULL, sum(l.gross)
      FROM touched_payment t
      JOIN warranty.payment p ON p.payment_id = t.payment_id
      JOIN warranty.payment_line l ON l.payment_id = t.payment_id
      JOIN warranty.assessment a ON a.line_id = l.line_id
     GROUP BY a.dealer, p.currency, t.payment_id
), there AS (
    SELECT e.* FROM warranty.entry e JOIN touched_claim USING (claim_id)
    UNION ALL SELECT e.* FROM warranty.entry e JOIN assessed s ON s.line_id = e.line_id
    UNION ALL SELECT e.* FROM warranty.entry e JOIN touched_payment t ON t.payment_id = e.payment_id
)
SELECT dealer, account, currency, payment_id, line_id, claim_id, sum(amount) AS amount
  FROM (SELECT * FROM wanted
        UNION ALL SELECT dealer, account, currency, payment_id, line_id, claim_id, -amount FROM there) u
 GROUP BY dealer, account, currency, payment_id, line_id, claim_id
HAVING sum(amount) <> 0
"""
JOURNAL: Final = """
INSERT INTO warranty.journal (kind, payment_id, decision_id, entry_count)
SELECT %(kind)s, %(payment_id)s, %(decision_id)s, count(*) FROM delta HAVING count(*) > 0
RETURNING journal_id
"""
ENTRIES: Final = """
INSERT INTO warranty.entry (journal_id, dealer, account, currency, payment_id, line_id, claim_id, amount)
SELECT %(journal_id)s, dealer, account, currency, payment_id, line_id, claim_id, amount FROM delta
"""

# By what was told and what was paid since the last submission: an old rejection does not reject it again, nor does one
# of an earlier number that comes late. A decision closes as long as all that is claimed now is settled by it.
STATUS: Final = """
WITH answered AS (
    SELECT n.claim_id,
           CASE WHEN sum(n.gross) > 0 THEN 50
                WHEN bool_or(n.outcome = 'REJECTED' AND a.rule = 'NUMBER') THEN 40 END AS status
      FROM labelled n
      JOIN claimed k USING (claim_id)
      JOIN warranty.assessment a ON a.line_id = n.line_id
     WHERE n.payment_date >= k.submitted_on
     GROUP BY n.claim_id
), closed AS (
    SELECT DISTINCT claim_id FROM warranty.decision
     WHERE kind IN ('WRITE_OFF', 'PART_PAY') AND reversed_at IS NULL AND claim_id IS NOT NULL
), now AS (
    SELECT k.claim_id, CASE WHEN k.told_status IN (10, 99) THEN k.told_status
                            WHEN closed.claim_id IS NOT NULL AND p.settled >= p.claimed THEN 99
                            ELSE greatest(k.told_status, a.status) END AS status
      FROM claimed k
      JOIN positions p USING (claim_id)
      LEFT JOIN answered a USING (claim_id)
      LEFT JOIN closed USING (claim_id)
)
UPDATE warranty.claim c SET status = now.status FROM now WHERE c.claim_id = now.claim_id AND c.status <> now.status
"""
