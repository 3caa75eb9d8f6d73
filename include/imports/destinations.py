"""Where the checked rows of an interface go, by the table that its contract names: the CRM, or the warranty books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol

from include.contract import ContractError
from include.crm.apply import apply_import
from include.crm.arrival import Arrival, CrmError, CrmUnavailableError
from include.imports.taking import day_of
from include.warranty.connection import PaymentRefusedError, WarrantyError, WarrantyUnavailableError
from include.warranty.payments import COLUMNS, Header, post_payment

if TYPE_CHECKING:
    from include.contract import Contract
    from include.feeds import Feed
    from include.imports.staged import StagedRows
    from include.ledger import ArrivalRow


@dataclass(frozen=True)
class Written:
    """
    What a destination did with one file.

    ``detail`` goes into the event: the counts that the destination names in ``told``, and what else it wants to be
    known; no value of a row. ``rows_rejected`` are rows that wait there for a correction.
    """

    applied_at: datetime
    detail: Mapping[str, Any]
    rows_rejected: int = 0


class Destination(Protocol):
    """
    What the steps of an import need to know of where rows go.

    ``told`` names counts that add up over files. Of its errors, ``unavailable`` ends the step, which is tried again;
    after ``refused`` the file waits for a person at once; after ``failed`` it is tried again by the next run. Their
    messages quote no row.
    """

    @property
    def told(self) -> tuple[str, ...]: ...
    @property
    def unavailable(self) -> type[Exception]: ...
    @property
    def refused(self) -> type[Exception] | tuple[()]: ...
    @property
    def failed(self) -> type[Exception]: ...

    def write(self, dms_dsn: str, contract: Contract, row: ArrivalRow, feed: Feed, rows: StagedRows) -> Written:
        """Commit all of the file, or nothing; a file that was written before is not written again."""
        ...

    def in_words(self, told: Mapping[str, Any]) -> str:
        """Say what an import, or a whole run, did: from the counts in ``told``."""
        ...

    def waiting(self, detail: Mapping[str, Any]) -> str | None:
        """What of an imported file waits for a person all the same, and what to do; from the detail of its event."""
        ...


class CrmActivities:
    """Sold units and work orders, as activities of the right contacts."""

    told = ("created", "updated", "unchanged", "older", "linked", "new", "review", "contacts_created")
    unavailable = CrmUnavailableError
    refused = ()
    failed = CrmError

    def write(self, dms_dsn: str, contract: Contract, row: ArrivalRow, feed: Feed, rows: StagedRows) -> Written:
        assert row.sha256 is not None
        arrival = Arrival(
            id=row.id,
            interface=row.interface,
            dealer=row.dealer,
            sha256=row.sha256,
            seen_at=row.first_seen_at,
            file_time=row.mtime,
            day=day_of(row, contract),
            date_format=feed.date_format,
            header=rows.header,
        )
        done = apply_import(dms_dsn, contract, arrival, accepted=rows.accepted, rejected=rows.rejected)
        counts = {name: asdict(done)[name] for name in self.told}
        return Written(
            done.applied_at, counts | {"import": done.import_id, "rules": dict(done.rules)}, done.rows_rejected
        )

    def in_words(self, told: Mapping[str, Any]) -> str:
        return (
            f"activities: {told['created']} created ({told['linked']} linked, {told['new']} with "
            f"{told['contacts_created']} new contacts, {told['review']} to review), {told['updated']} updated, "
            f"{told['unchanged']} as they were, {told['older']} left as a later file says"
        )

    def waiting(self, detail: Mapping[str, Any]) -> str | None:
        # Doubts about contacts have a list of their own, and hold nothing back.
        return None


class WarrantyBooks:
    """A manufacturer's payment: each line matched to its claim, and all of its money posted."""

    told = ("lines", "full", "under", "over", "rejected_lines", "duplicate", "unmatched")
    unavailable = WarrantyUnavailableError
    refused = PaymentRefusedError
    failed = WarrantyError

    def write(
        self,
        dms_dsn: str,
        contract: Contract,
        row: ArrivalRow,
        feed: Feed,
        rows: StagedRows,
    ) -> Written:
        import polars as pl

        records = pl.read_parquet(rows.accepted).with_columns(pl.col(AMOUNTS).cast(pl.Decimal(38, 2)))
        [header] = records.filter(pl.col("record_type") == "H").to_dicts()
        amounts: dict[str, Decimal] = {name: header[name] for name in AMOUNTS}
        done = post_payment(
            dms_dsn,
            Header(
                document_number=header["document_number"],
                payment_date=date.fromisoformat(header["payment_date"]),
                currency=header["currency"],
                **amounts,
            ),
            records.filter(pl.col("record_type") == "D").select(COLUMNS),
        )
        outcomes = {name: done.outcomes.get(OUTCOMES.get(name, name.upper()), 0) for name in self.told[1:]}
        detail = {
            "import": done.payment_id,
            "document": header["document_number"],
            "already": done.already,
            "suspense": f"{done.suspense} {header['currency']}",
            "unknown_codes": list(done.unknown_codes),
        }
        return Written(done.applied_at, {"lines": done.lines} | outcomes | detail)

    def in_words(self, told: Mapping[str, Any]) -> str:
        return (
            f"payment lines: {told['lines']}, of them {told['full']} in full, {told['under']} under-paid, "
            f"{told['over']} over-paid, {told['rejected_lines']} rejected by the manufacturer, {told['duplicate']} of "
            f"what was paid already, {told['unmatched']} of no claim, whose money is on account"
        )

    def waiting(self, detail: Mapping[str, Any]) -> str | None:
        if not detail["unknown_codes"] or detail["already"]:
            return None
        codes = ", ".join(code or "(none)" for code in detail["unknown_codes"])
        return (
            f"payment {detail['document']} has {detail['suspense']} in suspense, for retail dealer codes that are "
            f"nobody's here or another main dealer's: {codes}. Next: `python -m include.warranty lines --dealer "
            "UNKNOWN` says which of the two. A code that is nobody's gets a dealer by `retail-dealer CODE --main CODE "
            "--dealer D`; its money goes to its claims then. What has another main dealer's code the manufacturer has "
            "to take back, and to pay right"
        )


AMOUNTS: Final = ["labour", "parts", "subcontract", "handling", "vat"]
OUTCOMES: Final = {"rejected_lines": "REJECTED"}
"""Where the name of a count is not the outcome in small letters; a step counts rejected *files* beside it."""
DESTINATIONS: Final[Mapping[str, Destination]] = {
    "crm.activity": CrmActivities(),
    "warranty.payment_line": WarrantyBooks(),
}


def destination_of(contract: Contract) -> Destination:
    """
    Return where the rows of an inbound ``contract`` go.

    :raises ContractError: if nothing here writes to the table that it names.
    """
    source = contract.table.source
    if source not in DESTINATIONS:
        raise ContractError(
            f"{contract.id}: nothing here writes rows to {source!r}; physicalName of its schema is one of "
            f"{', '.join(DESTINATIONS)}"
        )
    return DESTINATIONS[source]
