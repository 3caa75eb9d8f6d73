-- Invoices and credits of the parts counter posted in one window: the rows of dms.v_ddc_counter_invoice_lines.
-- Wrapped in COPY (…) TO STDOUT (FORMAT csv). Binds: window_start, window_end (aware instants, half-open), dealer_ids
-- (integer array).
--
-- Sorted byte by byte, whatever the server's locale, so that the same rows are the same file and doubles are neighbours.
-- The documents are selected, dressed and sorted by themselves; their lines then follow from the index in that order.
WITH document AS MATERIALIZED (
    SELECT document_id,
           dealer_id,
           dealer_code,
           buyer_name,
           document_type,
           document_number,
           document_date,
           to_char(posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS posted_at,
           original_document_number,
           buyer,
           customer_id,
           total_net,
           total_vat,
           total_gross,
           currency
      FROM dms.v_ddc_counter_invoices i
     WHERE dealer_id = ANY (%(dealer_ids)s)
       AND i.posted_at >= %(window_start)s
       AND i.posted_at < %(window_end)s
     ORDER BY dealer_code COLLATE "C", document_type COLLATE "C", document_number COLLATE "C"
)
SELECT coalesce(l.row_id, -d.document_id) AS row_id,
       d.dealer_id,
       d.dealer_code,
       d.buyer_name,
       d.document_type,
       d.document_number,
       d.document_date,
       d.posted_at,
       d.original_document_number,
       d.buyer,
       d.customer_id,
       d.total_net,
       d.total_vat,
       d.total_gross,
       d.currency,
       l.line_number,
       l.part_number,
       l.quantity,
       l.unit_price,
       l.discount_amount,
       l.net_amount,
       l.vat_amount
  FROM document d
  LEFT JOIN dms.v_ddc_counter_lines l USING (document_id)
 ORDER BY d.dealer_code COLLATE "C",
          d.document_type COLLATE "C",
          d.document_number COLLATE "C",
          l.line_number,
          l.row_id
