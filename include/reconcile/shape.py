"""Which columns play which part in a comparison: taken from the two contracts, and refused where they do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.reconcile.kinds import ReconcileError

if TYPE_CHECKING:
    from include.contract import Contract

# How our feeds of trade documents call what a difference is told by.
KIND, NUMBER, LINE, DATED, POSTED = "document_type", "document_number", "line_number", "document_date", "posted_at"
CREDIT: Final = "CREDIT_MEMO"
# Whether the dealer is in the scheme that the other interface is about.
MEMBER: Final = "trade_partner_dealer"


@dataclass(frozen=True)
class Shape:
    """
    The columns of both sides by their part.

    ``key`` makes a line, ``document`` its document, ``whole`` are those of the key that are compared as whole numbers.
    ``shared`` are delivered by both and compared; of those ``amounts`` compare as numbers, so that 5.0 is 5.00. ``net``
    is what both sides add up.
    """

    key: tuple[str, ...]
    document: tuple[str, ...]
    whole: frozenset[str]
    shared: tuple[str, ...]
    amounts: frozenset[str]
    net: str
    row_key: str


def shape_of(here: Contract, there: Contract) -> Shape:
    """
    Return what the two contracts have in common to compare by.

    :raises ReconcileError: if they have no common key or control total, or not the columns that a difference names.
    """
    mine, theirs = here.table, there.table
    by_name = {field.name: field for field in here.fields}
    shared = tuple(name for name in mine.delivered if name in theirs.delivered)
    wanted = {*mine.primary_key, KIND, NUMBER, LINE, DATED, POSTED}
    if missing := sorted(wanted - set(shared)):
        raise ReconcileError(
            f"{here.id} cannot be compared with {there.id}: {', '.join(missing)} is not delivered by both; see "
            "reconciledWith in its contract"
        )
    if set(mine.primary_key) != set(theirs.primary_key) or mine.row_key != theirs.row_key:
        raise ReconcileError(
            f"{here.id} cannot be compared with {there.id}: their lines go by other keys "
            f"({', '.join(mine.primary_key)} and {', '.join(theirs.primary_key)}; {mine.row_key} and {theirs.row_key})"
        )
    if here.control_total is None or here.control_total != there.control_total:
        raise ReconcileError(f"{here.id} cannot be compared with {there.id}: their trailers add up other columns")
    key = mine.primary_key
    return Shape(
        key=key,
        document=tuple(name for name in key if name != LINE),
        whole=frozenset(name for name in key if by_name[name].logical_type == "integer"),
        shared=shared,
        amounts=frozenset(name for name in shared if by_name[name].logical_type in ("integer", "number")),
        net=here.control_total,
        row_key=mine.row_key,
    )
