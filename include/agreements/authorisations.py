"""What a dealer allows each application to see, at one moment: status and fields, never more than the file holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

Status = Literal["AUTHORISED", "REVOKED", "EXPIRED", "NOT_YET"]


@dataclass(frozen=True)
class AuthorisationRow:
    """
    One authorisation as the DMS has it.

    Days are local; ``valid_to`` is the first on which it no longer holds. A revocation works from its instant on.
    """

    point_of_sale_id: int
    application: str
    name: str
    authorised_at: datetime
    valid_from: date
    valid_to: date | None
    revoked_at: datetime | None

    @property
    def never_holds(self) -> bool:
        """True if it ends before it begins: our DMS refuses that, another may hold it."""
        return self.valid_to is not None and self.valid_to <= self.valid_from


@dataclass(frozen=True)
class ScopeRow:
    """One field of one kind of record that an application may be given, from ``valid_from`` up to ``valid_to``."""

    application: str
    record: str
    field: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class Authorisation:
    """
    What one application may see of one point of sale, as of one moment.

    ``scope`` has the fields by kind of record, both in the contract's order; it is empty unless AUTHORISED.
    """

    application: str
    name: str
    status: Status
    authorised_at: datetime
    valid_from: date
    valid_to: date | None
    revoked_at: datetime | None
    scope: Mapping[str, tuple[str, ...]]


Scope = dict[str, tuple[str, ...]]


def status_of(row: AuthorisationRow, at: datetime, zone: str) -> Status:
    """
    Return how an authorisation stands at the aware instant ``at``, its days by the clock of ``zone``.

    One that ends before it begins is EXPIRED on every day.
    """
    day = at.astimezone(ZoneInfo(zone)).date()
    if row.revoked_at is not None and row.revoked_at <= at:
        return "REVOKED"
    if row.valid_to is not None and (day >= row.valid_to or row.never_holds):
        return "EXPIRED"
    if day < row.valid_from or at < row.authorised_at:
        return "NOT_YET"
    return "AUTHORISED"


def authorisations_of(
    rows: Iterable[AuthorisationRow], scopes: Mapping[str, Scope], at: datetime, zone: str
) -> tuple[Authorisation, ...]:
    """
    Return one authorisation for each application that ``rows``, all of one point of sale, name; by application.

    Of several the one that holds speaks; where none does, the latest that once held, or else the latest of all.

    :param scopes: what ``scopes_on`` gave for the same day.
    """
    by_application: dict[str, list[AuthorisationRow]] = {}
    for row in rows:
        by_application.setdefault(row.application, []).append(row)
    told = []
    for application, several in sorted(by_application.items()):
        row = max(several, key=lambda row: _weight(row, at, zone))
        status = status_of(row, at, zone)
        scope = scopes.get(application, {}) if status == "AUTHORISED" else {}
        told.append(
            Authorisation(
                application,
                row.name,
                status,
                row.authorised_at,
                row.valid_from,
                row.valid_to,
                row.revoked_at,
                scope,
            )
        )
    return tuple(told)


def _weight(row: AuthorisationRow, at: datetime, zone: str) -> tuple[bool, int, datetime, date, date]:
    # NOT_YET speaks only where nothing has ever held: what was revoked or ran out is the truer answer of today.
    rank = {"AUTHORISED": 2, "REVOKED": 1, "EXPIRED": 1, "NOT_YET": 0}[status_of(row, at, zone)]
    return not row.never_holds, rank, row.authorised_at, row.valid_from, row.valid_to or date.max


def scopes_on(
    rows: Iterable[ScopeRow], delivered: Mapping[str, Sequence[str]], day: date
) -> tuple[dict[str, Scope], tuple[str, ...]]:
    """
    Return the fields by kind of record by application on ``day``, and a sentence for each that no file holds.

    :param delivered: the contract's delivered fields by kind of record, in its order; nothing else is passed on.
    """
    wanted: dict[str, dict[str, set[str]]] = {}
    faults = set()
    for row in rows:
        if day < row.valid_from or (row.valid_to is not None and day >= row.valid_to):
            continue
        if row.field in delivered.get(row.record, ()):
            wanted.setdefault(row.application, {}).setdefault(row.record, set()).add(row.field)
        else:
            faults.add(
                f"application {row.application}: its scope names {row.record}.{row.field}, which the contract does not "
                "deliver; nothing of it is passed on. End that row of the scope in the DMS, or correct its name"
            )
    scopes = {
        application: {
            record: tuple(field for field in fields if field in records[record])
            for record, fields in delivered.items()
            if record in records
        }
        for application, records in wanted.items()
    }
    return scopes, tuple(sorted(faults))


def row_faults(rows: Iterable[AuthorisationRow]) -> tuple[str, ...]:
    """Return a sentence for each authorisation that holds on no day; our own DMS refuses such rows."""
    return tuple(
        f"point of sale {row.point_of_sale_id}: the authorisation of {row.application} ends on {row.valid_to}, not "
        f"after it begins ({row.valid_from}); it never holds. Correct it in the DMS"
        for row in rows
        if row.never_holds
    )


def fingerprint(authorisations: Iterable[Authorisation]) -> str:
    """Return a SHA-256 of all that manifests say of ``authorisations``, in whatever order they come."""
    told = sorted(
        (
            [
                one.application,
                one.name,
                one.status,
                *(instant_of(instant) for instant in (one.authorised_at, one.revoked_at)),
                *(str(day) for day in (one.valid_from, one.valid_to)),
                [[record, list(fields)] for record, fields in one.scope.items()],
            ]
            for one in authorisations
        ),
        key=lambda parts: str(parts[0]),
    )
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def instant_of(instant: datetime | None) -> str | None:
    """Return an instant as a manifest writes it: UTC, to the second."""
    return None if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
