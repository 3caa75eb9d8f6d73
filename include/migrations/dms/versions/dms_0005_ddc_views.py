"""What the DDC feed and its agreements are read through."""

from __future__ import annotations

from alembic import op

revision = "dms_0005"
down_revision = "dms_0004"
branch_labels = None
depends_on = None

AGREEMENTS = """
CREATE VIEW dms.v_points_of_sale AS
SELECT p.point_of_sale_id,
       d.legal_entity_id,
       e.siren,
       d.siret,
       p.rrdi_code,
       p.brand,
       p.roles,
       d.dms_product,
       d.name AS site_name,
       e.name AS legal_entity_name,
       d.time_zone,
       greatest(p.valid_from, d.active_from) AS active_from,
       least(p.valid_to, d.active_to) AS active_to
  FROM dms.point_of_sale p
  JOIN dms.dealer d USING (dealer_id)
  JOIN dms.legal_entity e USING (legal_entity_id);

CREATE VIEW dms.v_agreements AS
SELECT legal_entity_id, kind, counterparty, siren_signed, signed_at, ended_at FROM dms.agreement;
COMMENT ON VIEW dms.v_agreements IS
    'Who signed for a company is nobody''s business here';

CREATE VIEW dms.v_application_authorisations AS
SELECT z.point_of_sale_id,
       z.application_code,
       a.name AS application_name,
       z.authorised_at,
       z.valid_from,
       z.valid_to,
       z.revoked_at
  FROM dms.application_authorisation z
  JOIN dms.application a USING (application_code);

CREATE VIEW dms.v_application_scopes AS
SELECT application_code, record, field, valid_from, valid_to FROM dms.application_scope;

CREATE VIEW dms.v_feed_eligibility AS
SELECT feed, brand, dms_product, role, valid_from, valid_to FROM dms.feed_eligibility;

CREATE VIEW dms.v_contact_preferences AS
SELECT p.*,
       -- Never reviewed, or longer ago than six calendar months: whoever speaks with the customer asks again.
       p.reviewed_at IS NULL OR p.reviewed_at < now() - interval '6 months' AS review_due
  FROM dms.contact_preference p;
"""

CUSTOMERS = """
CREATE VIEW dms.v_ddc_customer_records AS
SELECT p.point_of_sale_id AS dealer_id,
       p.rrdi_code AS dealer_code,
       c.customer_id,
       c.created_at,
       coalesce(c.erased_at, c.changed_at) AS changed_at,
       c.erased_at IS NOT NULL AS erased,
       CASE WHEN c.erased_at IS NULL THEN c.customer_type END AS customer_type,
       c.civility,
       c.given_name,
       c.family_name,
       c.company_name,
       c.siret,
       c.address_line_1,
       c.address_line_2,
       c.postal_code,
       c.city,
       c.country_code,
       c.email,
       c.telephone,
       c.mobile
  FROM dms.customer c
  JOIN dms.point_of_sale p USING (point_of_sale_id);
COMMENT ON VIEW dms.v_ddc_customer_records IS
    'A row for each customer of the feed; of an erased one the number alone';

CREATE VIEW dms.v_ddc_contact_answers AS
SELECT c.customer_id,
       asked.position,
       asked.party,
       asked.channel,
       -- No row is no, and so is a withdrawal, whatever else stands beside it.
       coalesce(k.opted_in AND k.withdrawn_at IS NULL, false) AS opted_in,
       coalesce(k.service_follow_up AND k.withdrawn_at IS NULL, false) AS service_follow_up,
       coalesce(k.general_marketing AND k.withdrawn_at IS NULL, false) AS general_marketing,
       k.legal_basis,
       k.source,
       k.captured_at,
       k.wording_version,
       k.reviewed_at,
       k.withdrawn_at
  FROM dms.customer c
 CROSS JOIN (
      VALUES (1, 'THIRD_PARTY', 'EMAIL'), (2, 'THIRD_PARTY', 'LETTER'), (3, 'THIRD_PARTY', 'SMS'),
             (4, 'THIRD_PARTY', 'SOCIAL_MEDIA'), (5, 'THIRD_PARTY', 'TELEPHONE'), (6, 'US', 'EMAIL'),
             (7, 'US', 'LETTER'), (8, 'US', 'SMS'), (9, 'US', 'SOCIAL_MEDIA'), (10, 'US', 'TELEPHONE')
  ) AS asked (position, party, channel)
  LEFT JOIN dms.contact_preference k
    ON k.customer_id = c.customer_id AND k.party = asked.party AND k.channel = asked.channel
 WHERE c.erased_at IS NULL;
COMMENT ON VIEW dms.v_ddc_contact_answers IS
    'Ten rows for a living customer, one for each party and channel; none for an erased one';

CREATE VIEW dms.v_ddc_customers AS
SELECT c.customer_id::bigint * 16 + coalesce(a.position, 0) AS row_id,
       c.*,
       a.party,
       a.channel,
       a.opted_in,
       a.service_follow_up,
       a.general_marketing,
       a.legal_basis,
       a.source,
       a.captured_at,
       a.wording_version,
       a.reviewed_at,
       a.withdrawn_at
  FROM dms.v_ddc_customer_records c
  LEFT JOIN dms.v_ddc_contact_answers a USING (customer_id);
COMMENT ON VIEW dms.v_ddc_customers IS
    'The two joined: ten rows for a living customer, one row for an erased one';
"""

# Whose purchase it was: a customer that was erased since is not named any more, whatever the document once said.
INVOICES = """
CREATE VIEW dms.v_ddc_workshop_invoices AS
WITH companies AS (
    SELECT legal_entity_id, array_agg(point_of_sale_id) AS points
      FROM dms.dealer JOIN dms.point_of_sale USING (dealer_id)
     GROUP BY legal_entity_id
)
SELECT i.workshop_invoice_id AS document_id,
       i.point_of_sale_id AS dealer_id,
       p.rrdi_code AS dealer_code,
       i.odometer_unit,
       before.odometer AS previous_odometer_km,
       i.document_type,
       i.document_number,
       i.document_date,
       i.posted_at,
       i.original_document_number,
       i.repair_order_number,
       i.opened_on,
       i.payer_type,
       CASE WHEN i.customer_id IS NULL THEN 'NONE' WHEN c.erased_at IS NOT NULL THEN 'ERASED' ELSE 'CUSTOMER' END
           AS buyer,
       CASE WHEN c.erased_at IS NULL THEN i.customer_id END AS customer_id,
       i.vin,
       i.registration,
       i.odometer AS odometer_km,
       i.total_net,
       i.total_vat,
       i.total_gross,
       i.currency
  FROM dms.workshop_invoice i
  JOIN dms.point_of_sale p USING (point_of_sale_id)
  JOIN dms.dealer site USING (dealer_id)
  JOIN companies USING (legal_entity_id)
  LEFT JOIN dms.customer c ON c.customer_id = i.customer_id
  LEFT JOIN LATERAL (
      -- What another company read is that company's data, and whether it is in this database is chance.
      SELECT b.odometer
        FROM dms.workshop_invoice b
       WHERE b.vin = i.vin AND b.posted_at < i.posted_at AND b.odometer_unit = 'KM' AND b.odometer IS NOT NULL
         AND b.point_of_sale_id = ANY (companies.points)
       ORDER BY b.posted_at DESC, b.workshop_invoice_id DESC LIMIT 1
  ) before ON true;

CREATE VIEW dms.v_ddc_workshop_lines AS
SELECT workshop_invoice_line_id AS row_id,
       workshop_invoice_id AS document_id,
       line_number,
       line_type,
       labor_operation_code,
       part_number,
       description,
       quantity,
       unit_price,
       discount_amount,
       net_amount,
       vat_amount
  FROM dms.workshop_invoice_line;

CREATE VIEW dms.v_ddc_workshop_invoice_lines AS
SELECT coalesce(row_id, -document_id) AS row_id, d.*, line_number, line_type, labor_operation_code, part_number,
       description, quantity, unit_price, discount_amount, net_amount, vat_amount
  FROM dms.v_ddc_workshop_invoices d LEFT JOIN dms.v_ddc_workshop_lines USING (document_id);

CREATE VIEW dms.v_ddc_counter_invoices AS
SELECT i.counter_invoice_id AS document_id,
       i.point_of_sale_id AS dealer_id,
       p.rrdi_code AS dealer_code,
       -- Read to be judged, and only on a cash sale is there anything to judge.
       CASE WHEN i.cash_sale THEN i.buyer_name END AS buyer_name,
       i.document_type,
       i.document_number,
       i.document_date,
       i.posted_at,
       i.original_document_number,
       CASE WHEN i.cash_sale THEN 'CASH' WHEN c.erased_at IS NOT NULL THEN 'ERASED' ELSE 'CUSTOMER' END AS buyer,
       CASE WHEN c.erased_at IS NULL THEN i.customer_id END AS customer_id,
       i.total_net,
       i.total_vat,
       i.total_gross,
       i.currency
  FROM dms.counter_invoice i
  JOIN dms.point_of_sale p USING (point_of_sale_id)
  LEFT JOIN dms.customer c ON c.customer_id = i.customer_id;

CREATE VIEW dms.v_ddc_counter_lines AS
SELECT counter_invoice_line_id AS row_id,
       counter_invoice_id AS document_id,
       line_number,
       part_number,
       quantity,
       unit_price,
       discount_amount,
       net_amount,
       vat_amount
  FROM dms.counter_invoice_line;

CREATE VIEW dms.v_ddc_counter_invoice_lines AS
SELECT coalesce(row_id, -document_id) AS row_id, d.*, line_number, part_number, quantity, unit_price, discount_amount,
       net_amount, vat_amount
  FROM dms.v_ddc_counter_invoices d LEFT JOIN dms.v_ddc_counter_lines USING (document_id);

CREATE VIEW dms.v_ddc_vehicle_sales AS
WITH companies AS (
    SELECT legal_entity_id, array_agg(point_of_sale_id) AS points
      FROM dms.dealer JOIN dms.point_of_sale USING (dealer_id)
     GROUP BY legal_entity_id
)
SELECT s.vehicle_sale_id AS document_id,
       s.point_of_sale_id AS dealer_id,
       p.rrdi_code AS dealer_code,
       p.brand,
       CASE WHEN s.sale_kind = 'VN' AND s.document_type = 'INVOICE' THEN (
           SELECT count(*)
             FROM dms.vehicle_sale o
            WHERE o.vin = s.vin AND o.sale_kind = 'VN' AND o.document_type = 'INVOICE'
              -- Dealers buy new vehicles from each other: each company's sale is one of its own.
              AND o.point_of_sale_id = ANY (companies.points)
              -- Of two that were posted together the second is one too many.
              AND (o.posted_at, o.vehicle_sale_id) < (s.posted_at, s.vehicle_sale_id)
              AND NOT EXISTS (
                  SELECT FROM dms.vehicle_sale k
                   WHERE k.point_of_sale_id = o.point_of_sale_id AND k.document_type = 'CREDIT_MEMO'
                     AND k.original_document_number = o.document_number)
       ) ELSE 0 END AS open_sales_of_vehicle,
       s.taken_in_on,
       s.sale_kind,
       s.document_type,
       s.document_number,
       s.document_date,
       s.posted_at,
       s.original_document_number,
       s.order_date,
       s.delivery_date,
       s.vin,
       s.registration,
       s.registration_date,
       s.odometer_km,
       s.trade_in_vin,
       CASE WHEN s.customer_id IS NULL THEN 'NONE' WHEN c.erased_at IS NOT NULL THEN 'ERASED' ELSE 'CUSTOMER' END
           AS buyer,
       CASE WHEN c.erased_at IS NULL THEN s.customer_id END AS customer_id,
       s.salesperson_id,
       s.vat_scheme,
       s.total_net,
       s.total_vat,
       s.total_gross,
       s.currency
  FROM dms.vehicle_sale s
  JOIN dms.point_of_sale p USING (point_of_sale_id)
  JOIN dms.dealer site USING (dealer_id)
  JOIN companies USING (legal_entity_id)
  LEFT JOIN dms.customer c ON c.customer_id = s.customer_id;

CREATE VIEW dms.v_ddc_vehicle_lines AS
SELECT vehicle_sale_line_id AS row_id,
       vehicle_sale_id AS document_id,
       line_number,
       line_type,
       description,
       net_amount,
       vat_amount
  FROM dms.vehicle_sale_line;

CREATE VIEW dms.v_ddc_vehicle_sale_lines AS
SELECT coalesce(row_id, -document_id) AS row_id, d.*, line_number, line_type, description, net_amount, vat_amount
  FROM dms.v_ddc_vehicle_sales d LEFT JOIN dms.v_ddc_vehicle_lines USING (document_id);
"""


def upgrade() -> None:
    """Add the views; a document without lines has one row, by its number below zero, so that the check sees it."""
    op.execute(AGREEMENTS)
    op.execute(CUSTOMERS)
    op.execute(INVOICES)
