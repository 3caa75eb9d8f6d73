-- Invoices and credits of the parts counter posted in one window, a row for each line. Wrapped in COPY (…) TO STDOUT (FORMAT csv).
-- Binds: window_start, window_end (aware instants, half-open), dealer_ids (integer array).
--
-- Sorted byte by byte, whatever the server's locale, so that the same rows are the same file and doubles are neighbours.
SELECT row_id,
       dealer_id,
       dealer_code,
       buyer_name,
       document_type,
       document_number,
       document_date,
       to_char(i.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS posted_at,
       original_document_number,
       buyer,
       customer_id,
       total_net,
       total_vat,
       total_gross,
       currency,
       line_number,
       part_number,
       quantity,
       unit_price,
       discount_amount,
       net_amount,
       vat_amount
  FROM dms.v_ddc_counter_invoice_lines i
 WHERE dealer_id = ANY (%(dealer_ids)s)
   AND i.posted_at >= %(window_start)s
   AND i.posted_at < %(window_end)s
 ORDER BY dealer_code COLLATE "C",
          document_type COLLATE "C",
          document_number COLLATE "C",
          line_number,
          row_id
