-- Points of sale that traded on some day of the window, one without a code included: the interface has to say that it is
-- missing. Whether anything of theirs may leave is asked of the agreements. siren, siret and brand go into the header.
-- Binds: business_date, last_date (first and last day of the window).
SELECT point_of_sale_id AS dealer_id,
       rrdi_code AS dealer_code,
       site_name AS dealer_name,
       time_zone,
       NULL::text AS obstacle,
       siren,
       siret,
       brand
  FROM dms.v_points_of_sale
 WHERE active_from <= %(last_date)s
   AND (active_to IS NULL OR active_to > %(business_date)s)
 ORDER BY rrdi_code COLLATE "C", point_of_sale_id
