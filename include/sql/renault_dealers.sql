-- Dealers that held a Renault or Dacia franchise and traded on some day of the month, in the trade-partner scheme or
-- not, one without a number included: the interface has to say that it is missing. obstacle: why a person must look at
-- the file before it goes. Binds: business_date, last_date (first and last day of the month).
WITH held AS (
    SELECT dealer_id,
           franchise,
           valid_from,
           -- What it was on the day before, within the month: null for a dealer that only began.
           lag(franchise) OVER (PARTITION BY dealer_id ORDER BY valid_from) AS franchise_before
      FROM dms.v_dealer_franchises
     WHERE valid_from <= %(last_date)s
       AND (valid_to IS NULL OR valid_to > %(business_date)s)
),
month AS (
    SELECT dealer_id,
           bool_or(franchise LIKE '%%RENAULT%%' OR franchise LIKE '%%DACIA%%') AS ours,
           string_agg(
               format('from %%s to %%s on %%s', franchise_before, franchise, valid_from), ', ' ORDER BY valid_from
           ) FILTER (WHERE franchise_before <> franchise) AS changes
      FROM held
     GROUP BY dealer_id
)
SELECT dealer_id,
       dealer_code,
       dealer_name,
       time_zone,
       'its franchise changed ' || changes
           || ': ask Renault whether the whole month goes in one file, then release or reject it' AS obstacle
  FROM dms.v_dealers
  JOIN month USING (dealer_id)
 WHERE ours
   AND active_from <= %(last_date)s
   AND (active_to IS NULL OR active_to > %(business_date)s)
 ORDER BY dealer_code COLLATE "C", dealer_id
