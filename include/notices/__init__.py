"""
What needs a person, noticed once and ended once, whether or not anything runs.

``looking`` finds out what is so now, from contracts, calendars, feeds and the ledger. ``keeping`` writes down what is
new and what is over. ``digest`` says it in one message. What Airflow itself has to tell, and how a message goes out,
is ``plugins/heartbeat``'s.
"""

from include.notices.digest import Digest
from include.notices.keeping import Kept, keep
from include.notices.looking import Looked, look

__all__ = ["Digest", "Kept", "Looked", "keep", "look"]
