-- Points of sale that trade in the window, one without a code included: the interface has to say that it is missing. And
-- those that closed in the 62 days before (ended_on), whose last days may not have gone yet. Whether anything of theirs
-- may leave is asked of the agreements. siren, siret and brand go into the header.
-- Binds: business_date, last_date (first and last day of the window).
SELECT point_of_sale_id AS dealer_id,
       rrdi_code AS dealer_code,
       site_name AS dealer_name,
       time_zone,
       NULL::text AS obstacle,
       CASE WHEN active_to <= %(business_date)s THEN active_to END AS ended_on,
       siren,
       siret,
       brand
  FROM dms.v_points_of_sale
 WHERE active_from <= %(last_date)s
   AND (active_to IS NULL OR active_to > %(business_date)s::date - 62)
 ORDER BY rrdi_code COLLATE "C", point_of_sale_id
