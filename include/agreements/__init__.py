"""
Who may send to a partner that works on signed agreements, from when on, and what each application of it may see.

``identity`` and ``standing`` judge a point of sale, ``authorisations`` what its dealer allows each application,
``manifests`` says that beside the file; all four are pure. ``read`` asks the DMS, ``renewal`` keeps the manifests of a
file in step with the authorisations until it goes. docs/agreements.md tells the rest.
"""

from __future__ import annotations

from include.agreements.authorisations import Authorisation
from include.agreements.read import AgreementsError, read_authorisations, read_standings
from include.agreements.renewal import accompany
from include.agreements.standing import Standing

__all__ = ["AgreementsError", "Authorisation", "Standing", "accompany", "read_authorisations", "read_standings"]
