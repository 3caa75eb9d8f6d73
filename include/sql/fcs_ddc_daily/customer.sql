-- Customers that moved in one window, ten rows each, one for each party and channel; an erased one has one row, and moves
-- once: by the time of its erasure, whatever touches the record later. Wrapped in COPY (…) TO STDOUT (FORMAT csv).
-- Binds: window_start, window_end (aware instants, half-open), dealer_ids (integer array).
--
-- Sorted byte by byte, whatever the server's locale, so that the same rows are the same file and doubles are neighbours.
SELECT row_id,
       dealer_id,
       dealer_code,
       customer_id,
       CASE WHEN erased THEN 'DELETE' WHEN created_at >= %(window_start)s THEN 'CREATE' ELSE 'UPDATE' END AS movement,
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
       mobile,
       party,
       channel,
       opted_in,
       service_follow_up,
       general_marketing,
       legal_basis,
       source,
       to_char(captured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS captured_at,
       wording_version,
       to_char(reviewed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS reviewed_at,
       to_char(withdrawn_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS withdrawn_at
  FROM dms.v_ddc_customers c
 WHERE dealer_id = ANY (%(dealer_ids)s)
   AND c.changed_at >= %(window_start)s
   AND c.changed_at < %(window_end)s
 ORDER BY dealer_code COLLATE "C",
          customer_id::text COLLATE "C",
          party COLLATE "C",
          channel COLLATE "C"
