"""Write down what is new, and end what is over: once each, however often one looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from include.contract import all_contract_ids, load_contract
from include.notices.looking import outcome

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.notices.looking import Looked


@dataclass(frozen=True)
class Kept:
    """How many notices were opened and how many ended."""

    opened: int
    ended: int


def keep(looked: Looked, ledger: Ledger, *, now: datetime) -> Kept:
    """
    Open a notice for each thing found that has none, and end those that are so no more.

    A notice ends only if its scope could be looked at: an unreachable database makes nothing good.
    """
    standing = {(each.kind, each.subject) for each in looked.found}
    ended = 0
    known = set(all_contract_ids())
    for row in ledger.open_notices():
        # A notice of an interface that was taken out of the repository is nobody's any more.
        gone = row.interface is not None and row.interface not in known
        if not gone and (row.scope not in looked.scopes or row.key in standing):
            continue
        if gone:
            said = "there is no such interface any more"
        elif row.kind == "LATE" and ("MISSING", row.subject) in standing:
            said = "it is missing by now"
        elif row.interface is None:
            said = "it is so no more"
        else:
            said = outcome(row, ledger, load_contract(row.interface), now=now)
        ended += ledger.end_notice(row.id, outcome=said)
    opened = sum(ledger.open_notice(each) for each in looked.found)
    return Kept(opened, ended)
