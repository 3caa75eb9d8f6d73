"""
Who a row of a partner's file is about: the row held against the dealer's contacts, whole batches at a time.

``keys`` and ``names`` bring both sides to one form, ``tiers`` says as data who counts as the same person, ``match``
decides. Nothing is written here; the decisions are applied in ``include/crm``.
"""
