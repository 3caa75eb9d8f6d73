"""Whether anything of a point of sale may leave, and from which day on: agreements, eligibility, identity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from stdnum.fr import siren as siren_numbers

from include.agreements.identity import PointOfSale, brand_name, identity_faults

if TYPE_CHECKING:
    from include.contract import Contract
    from include.window import Window

DOCUMENTS = {"DATA_PROCESSING": "data processing agreement (DPA)", "SERVICE": "service contract (SA)"}
# Where the sites of a brand go that the feed does not take.
OTHERWISE = {"OP": "see the SADE to DDC migration note"}


@dataclass(frozen=True)
class Agreement:
    """One signed document. It counts from the instant of its signature up to, not including, the one it ended at."""

    legal_entity_id: int
    kind: str
    counterparty: str
    siren_signed: str | None
    signed_at: datetime
    ended_at: datetime | None

    def counts(self, at: datetime) -> bool:
        """Whether it was in force at that instant."""
        return self.signed_at <= at and (self.ended_at is None or at < self.ended_at)


@dataclass(frozen=True)
class Eligibility:
    """
    Who takes part in a feed: sites of this brand with this DMS and this role; None stands for any.

    Days are local; ``valid_to`` is the first on which it no longer holds.
    """

    feed: str
    brand: str
    dms_product: str | None
    role: str | None
    valid_from: date
    valid_to: date | None

    def holds(self, day: date) -> bool:
        """Whether it holds on that day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class Terms:
    """What a contract asks of who sends: ``kinds`` of agreements with ``counterparty``, by the clock of ``zone``."""

    feed: str
    counterparty: str
    kinds: tuple[str, ...]
    zone: str

    @classmethod
    def of(cls, contract: Contract) -> Terms:
        """Return the terms of a contract; the partner signs under its own name."""
        return cls(contract.id, contract.partner.upper(), contract.agreements, contract.zone)

    def day(self, at: datetime) -> date:
        """The local day of an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True)
class Standing:
    """
    Whether a point of sale's files may leave, as of one moment.

    ``withheld`` are reasons why they must not: there is no basis, and no person can release them. ``faults`` are what
    a person must mend first. ``since`` is the first business date that may go, None if a signature is missing.
    """

    since: date | None
    withheld: tuple[str, ...]
    faults: tuple[str, ...]

    def objection(self, window: Window) -> str | None:
        """Why nothing of ``window`` may leave for want of agreement, None if it may."""
        if self.withheld:
            return "; ".join(self.withheld)
        if self.since is not None and window.business_date < self.since:
            return f"both agreements are signed since {self.since}: movements go from that day on"
        return None


def standing_of(
    point: PointOfSale,
    agreements: Iterable[Agreement],
    eligibility: Iterable[Eligibility],
    at: datetime,
    terms: Terms,
) -> Standing:
    """
    Judge ``point`` at the aware instant ``at``.

    ``agreements`` and ``eligibility`` may hold those of others. An agreement counts for the legal entity that it is
    filed under, if it names that entity's SIREN and the feed's partner. One that followed another without a gap goes
    back to the first. The reasons never name who signed.
    """
    signed = [agreement for agreement in agreements if agreement.legal_entity_id == point.legal_entity_id]
    days: list[date | None] = []
    withheld: list[str] = []
    for kind in terms.kinds:
        filed = [agreement for agreement in signed if agreement.kind == kind]
        valid = [agreement for agreement in filed if _mismatch(agreement, point, terms) is None]
        since = _unbroken_since(valid, at)
        days.append(terms.day(since) if since is not None else None)
        if since is None:
            withheld.append(_unsigned(kind, filed, point, at, terms))
    if (reason := _not_eligible(point, eligibility, at, terms)) is not None:
        withheld.append(reason)
    known = [day for day in days if day is not None]
    since_day = max(known) if known and len(known) == len(days) else None
    return Standing(since_day, tuple(withheld), identity_faults(point))


def _unbroken_since(agreements: Sequence[Agreement], at: datetime) -> datetime | None:
    """Return since when, without a gap up to ``at``, one or another of ``agreements`` was in force."""
    current = [agreement for agreement in agreements if agreement.counts(at)]
    if not current:
        return None
    since = min(agreement.signed_at for agreement in current)
    for earlier in sorted(agreements, key=lambda agreement: agreement.signed_at, reverse=True):
        if earlier.signed_at < since and (earlier.ended_at is None or earlier.ended_at >= since):
            since = earlier.signed_at
    return since


def _mismatch(agreement: Agreement, point: PointOfSale, terms: Terms) -> str | None:
    """Say in which way an agreement is not one of this legal entity with this partner, or None."""
    if agreement.counterparty.upper() != terms.counterparty:
        return f"was signed with {agreement.counterparty}, not with {terms.counterparty}"
    # The form takes what was typed: spaces in it are its reader's business, another number is not.
    named = siren_numbers.compact(agreement.siren_signed or "")
    if named and named == siren_numbers.compact(point.siren or ""):
        return None
    if len(named) == 14:
        return f"names a SIRET ({named}), the number of one site, where it must name SIREN {point.siren}"
    return f"names SIREN {named or 'none'}, and this legal entity has SIREN {point.siren}"


def _unsigned(kind: str, filed: Sequence[Agreement], point: PointOfSale, at: datetime, terms: Terms) -> str:
    """Say why there is no agreement of ``kind``: what is in the way of the latest one, which a person thinks of."""
    what = f"{DOCUMENTS.get(kind, kind)} of SIREN {point.siren} ({point.legal_entity_name})"
    step = "have it signed in the partner's portal; files go from that day on"
    if not filed:
        return f"no {what} with {terms.counterparty} is on record; {step}"
    latest = max(filed, key=lambda agreement: (agreement.signed_at, agreement.ended_at is None))
    signed = f"the {what} that was signed on {terms.day(latest.signed_at)}"
    if (mismatch := _mismatch(latest, point, terms)) is not None:
        return f"{signed} {mismatch}; {step}"
    if latest.signed_at > at:
        return f"{signed} lies in the future; correct the date in the DMS, or wait until then"
    assert latest.ended_at is not None
    return f"{signed} ended on {terms.day(latest.ended_at)}; {step}"


def _not_eligible(point: PointOfSale, eligibility: Iterable[Eligibility], at: datetime, terms: Terms) -> str | None:
    brand, day = brand_name(point.brand), terms.day(at)
    rows = [row for row in eligibility if (row.feed, row.brand) == (terms.feed, point.brand)]
    current = [row for row in rows if row.holds(day)]
    if not current:
        coming = min((row.valid_from for row in rows if row.valid_from > day), default=None)
        when = f"; it does from {coming} on" if coming is not None else ""
        return f"{point.label}: {brand} takes no part in {terms.feed} on {day}{when}"
    equipped = [row for row in current if row.dms_product in (None, point.dms_product)]
    if not equipped:
        wanted = " or ".join(sorted({str(row.dms_product) for row in current}))
        reason = f"{brand} only with {wanted}, this site has {point.dms_product or 'no DMS on record'}"
        return f"{point.label}: {reason}" + (f": {OTHERWISE[point.brand]}" if point.brand in OTHERWISE else "")
    if not any(row.role is None or row.role in point.roles for row in equipped):
        wanted = ", ".join(sorted({str(row.role) for row in equipped}))
        return (
            f"{point.label}: {brand} takes part with the roles {wanted}, and this point of sale has "
            f"{', '.join(point.roles) or 'none'}; if that is wrong, correct it in the DMS"
        )
    return None
