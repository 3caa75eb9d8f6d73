-- Trade parts sales dated in one month, whenever they were posted, for the dealers given: rows of
-- dms.v_trade_parts_sale_lines with account_class TRADE. Wrapped in COPY (…) TO STDOUT (FORMAT csv).
-- Binds: business_date, last_date (first and last day of the month), dealer_ids (integer array).
--
-- Read and sorted as merkle_sar_daily.sql does it, and for the reasons given there. A dealer outside the trade-partner
-- scheme has no codes: the last word of its accounts' address is just a street.
WITH document AS MATERIALIZED (
    SELECT document_id,
           dealer_id,
           account_class,
           trade_partner_dealer,
           registered_trade_partner_id,
           sharing_objection,
           posted_on,
           dealer_code,
           CASE WHEN trade_partner_dealer THEN trade_partner_id END AS trade_partner_id,
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
     WHERE d.document_date >= %(business_date)s
       AND d.document_date <= %(last_date)s
       AND dealer_id = ANY (%(dealer_ids)s)
       AND account_class = 'TRADE'
     ORDER BY dealer_code COLLATE "C", document_type COLLATE "C", document_number COLLATE "C"
)
SELECT l.invoice_line_id,
       d.dealer_id,
       d.account_class,
       d.trade_partner_dealer,
       d.registered_trade_partner_id,
       d.sharing_objection,
       d.posted_on,
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
