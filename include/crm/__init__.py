"""
The dealer's CRM: what an import changes there, what a person decides, and what goes out with a lead.

Everything stands in the schema ``crm`` of the DMS database. ``apply`` writes one file in one transaction;
``corrections`` and ``review`` are what people do with rows and doubts; ``lead_export`` makes ADF documents. See
docs/crm.md.
"""
