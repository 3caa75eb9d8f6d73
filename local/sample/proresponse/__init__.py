"""
What ProResponse's server would hold for six invented dealers: good files and every kind of bad one, the same every time
for the same seed, with a list of what must become of each row.
"""

from local.sample.proresponse.book import SALES, SERVICE, SampleFile, Wave
from local.sample.proresponse.comparing import Comparison, compare, settled
from local.sample.proresponse.plan import ProresponseSample, proresponse_sample
from local.sample.proresponse.putting import add_feeds, drop, enter_contacts, put

__all__ = [
    "SALES",
    "SERVICE",
    "Comparison",
    "ProresponseSample",
    "SampleFile",
    "Wave",
    "add_feeds",
    "compare",
    "drop",
    "enter_contacts",
    "proresponse_sample",
    "put",
    "settled",
]
