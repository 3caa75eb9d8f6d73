-- Trade parts sales posted in one window, for the dealers given. Wrapped in COPY (…) TO STDOUT (FORMAT csv).
-- Binds: window_start, window_end (aware instants, half-open), dealer_ids (integer array).
-- Sorted byte by byte, whatever the server's locale, so that the same rows are the same file and doubles are neighbours.
SELECT invoice_line_id,
       dealer_id,
       account_class,
       registered_trade_partner_id,
       sharing_objection,
       dealer_code,
       trade_partner_id,
       trade_account_number,
       document_type,
       document_number,
       document_date,
       to_char(posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS posted_at,
       original_document_number,
       line_number,
       part_number,
       part_family_code,
       quantity,
       unit_price,
       discount_percent,
       discount_amount,
       net_amount,
       vat_amount,
       currency,
       sale_channel,
       order_source
  FROM dms.v_trade_parts_sale_lines
 WHERE posted_at >= %(window_start)s
   AND posted_at < %(window_end)s
   AND dealer_id = ANY (%(dealer_ids)s)
   AND account_class = 'TRADE'
 ORDER BY dealer_code COLLATE "C",
          document_type COLLATE "C",
          document_number COLLATE "C",
          line_number,
          invoice_line_id
