-- Customers that moved in one window, ten rows each, one for each party and channel: the rows of dms.v_ddc_customers. An
-- erased one has one row, and moves once: by the time of its erasure, whatever touches the record later.
-- Wrapped in COPY (…) TO STDOUT (FORMAT csv). Binds: window_start, window_end (aware instants, half-open), dealer_ids
-- (integer array).
--
-- Sorted byte by byte, whatever the server's locale, so that the same rows are the same file and doubles are neighbours.
-- The customers are selected and sorted by themselves; their answers then follow from the index in that order.
WITH customer AS MATERIALIZED (
    SELECT customer_id,
           customer_id::text COLLATE "C" AS sorted_by,
           dealer_id,
           dealer_code,
           CASE WHEN erased THEN 'DELETE' WHEN created_at >= %(window_start)s THEN 'CREATE' ELSE 'UPDATE' END
               AS movement,
           to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS changed_at,
           customer_type,
           civility,
           given_name,
           family_name,
           company_name,
           siret,
           address_line_1,
           address_line_2,
           postal_code,
           city,
           country_code,
           email,
           telephone,
           mobile
      FROM dms.v_ddc_customer_records c
     WHERE dealer_id = ANY (%(dealer_ids)s)
       AND c.changed_at >= %(window_start)s
       AND c.changed_at < %(window_end)s
     ORDER BY dealer_code COLLATE "C", sorted_by
)
SELECT c.customer_id::bigint * 16 + coalesce(a.position, 0) AS row_id,
       c.dealer_id,
       c.dealer_code,
       c.customer_id,
       c.movement,
       c.changed_at,
       c.customer_type,
       c.civility,
       c.given_name,
       c.family_name,
       c.company_name,
       c.siret,
       c.address_line_1,
       c.address_line_2,
       c.postal_code,
       c.city,
       c.country_code,
       c.email,
       c.telephone,
       c.mobile,
       a.party,
       a.channel,
       a.opted_in,
       a.service_follow_up,
       a.general_marketing,
       a.legal_basis,
       a.source,
       to_char(a.captured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS captured_at,
       a.wording_version,
       to_char(a.reviewed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS reviewed_at,
       to_char(a.withdrawn_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS withdrawn_at
  FROM customer c
  LEFT JOIN dms.v_ddc_contact_answers a USING (customer_id)
 ORDER BY c.dealer_code COLLATE "C",
          c.sorted_by,
          a.position
