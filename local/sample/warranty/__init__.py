"""
Warranty claims of five retail dealers of the sample group, and the manufacturer's payment files for them: good ones
and every kind of bad one, the same every time for the same seed, with a list of what must become of each.
"""

from local.sample.warranty.book import INTERFACE, SampleFile, Wave
from local.sample.warranty.comparing import Comparison, compare, settled
from local.sample.warranty.plan import LATER, WarrantySample, warranty_sample
from local.sample.warranty.putting import add_payments_feed, drop, load, open_books, put

__all__ = [
    "INTERFACE",
    "LATER",
    "Comparison",
    "SampleFile",
    "WarrantySample",
    "Wave",
    "add_payments_feed",
    "compare",
    "drop",
    "load",
    "open_books",
    "put",
    "settled",
    "warranty_sample",
]
