-- How many customers of each point of sale were erased since an instant: bytes that were made before may name them.
-- Binds: dealer_ids (integer array), made_at (aware instant).
SELECT dealer_id,
       count(*)
  FROM dms.v_ddc_customer_records
 WHERE erased
   AND dealer_id = ANY (%(dealer_ids)s)
   AND changed_at >= %(made_at)s
 GROUP BY dealer_id
