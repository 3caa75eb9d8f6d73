-- Dealers that took part in the trade-partner scheme at some moment of the window, one without a number included:
-- the interface has to say that it is missing. Binds: window_start, window_end (aware instants, half-open).
SELECT dealer_id,
       dealer_code,
       dealer_name,
       time_zone,
       NULL::text AS obstacle
  FROM dms.v_dealers
 WHERE trade_partner_dealer
   AND active_from <= ((%(window_end)s::timestamptz - interval '1 microsecond') AT TIME ZONE time_zone)::date
   AND (active_to IS NULL OR active_to > (%(window_start)s::timestamptz AT TIME ZONE time_zone)::date)
 ORDER BY dealer_code COLLATE "C", dealer_id
