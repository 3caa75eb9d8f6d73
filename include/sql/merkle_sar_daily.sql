-- Trade parts sales posted in one window, for the dealers given: the rows of dms.v_trade_parts_sale_lines with
-- account_class TRADE. Wrapped in COPY (…) TO STDOUT (FORMAT csv).
-- Binds: window_start, window_end (aware instants, half-open), dealer_ids (integer array).
--
-- Sorted byte by byte, whatever the server's locale, so that the same rows are the same file and doubles are neighbours.
-- The documents are selected, dressed and sorted by themselves, a third of the number of lines; their lines then follow
-- from the index in that order. Read from the one view, PostgreSQL sorts all the wide lines on disk: twice the work.
WITH document AS MATERIALIZED (
    SELECT document_id,
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
           currency,
           sale_channel,
           order_source
      FROM dms.v_parts_documents d
     WHERE d.posted_at >= %(window_start)s
       AND d.posted_at < %(window_end)s
       AND dealer_id = ANY (%(dealer_ids)s)
       AND account_class = 'TRADE'
     ORDER BY dealer_code COLLATE "C", document_type COLLATE "C", document_number COLLATE "C"
)
SELECT l.invoice_line_id,
       d.dealer_id,
       d.account_class,
       d.registered_trade_partner_id,
       d.sharing_objection,
       d.dealer_code,
       d.trade_partner_id,
       d.trade_account_number,
       d.document_type,
       d.document_number,
       d.document_date,
       d.posted_at,
       d.original_document_number,
       l.line_number,
       l.part_number,
       l.part_family_code,
       l.quantity,
       l.unit_price,
       l.discount_percent,
       l.discount_amount,
       l.net_amount,
       l.vat_amount,
       d.currency,
       d.sale_channel,
       d.order_source
  FROM document d
  JOIN dms.v_parts_document_lines l USING (document_id)
 ORDER BY d.dealer_code COLLATE "C",
          d.document_type COLLATE "C",
          d.document_number COLLATE "C",
          l.line_number,
          l.invoice_line_id
