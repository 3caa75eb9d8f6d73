"""
Warranty claims, what the manufacturer pays for them, and where each penny of it is.

Everything stands in the schema ``warranty`` of the DMS database. ``claims`` loads claims, ``payments`` posts one
payment file in one transaction, ``settling`` says whose each line is and what that makes of the books, ``decisions``
is what people do with differences, ``disputes`` what they take up with the manufacturer. See docs/warranty.md.
"""
