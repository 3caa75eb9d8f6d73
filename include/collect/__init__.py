"""Partners' files into the archive and, once they are imported for good, off the partner's server.

Not here: which directories and names (``include/feeds``), what a file says (``include/inbound``), what is made of it
(``include/crm``), bytes on the wire (``include/sftp``).
"""

from include.collect.expecting import Expectation, Lateness, late, lateness, lateness_of_days, notice
from include.collect.names import fault_of, label
from include.collect.outcome import Collected, CollectLimits, Failure, Removed
from include.collect.removing import remove
from include.collect.run import collect

__all__ = [
    "CollectLimits",
    "Collected",
    "Expectation",
    "Failure",
    "Lateness",
    "Removed",
    "collect",
    "fault_of",
    "label",
    "late",
    "lateness",
    "lateness_of_days",
    "notice",
    "remove",
]
