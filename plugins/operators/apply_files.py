"""Checked files applied to where their contract says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from plugins.connections import postgres_dsn, storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class ApplyFilesOperator(BaseOperator):
    """
    Write each checked file's accepted rows to where the contract says, oldest file first, each file at once.

    That is the CRM (activities of the right contacts) or the warranty books (payments matched to claims and posted).

    Works on whatever waits, of earlier runs as well; a file that was applied is not applied again. A file whose import
    is refused does not stop the next; a database that does not answer fails the task, which is tried again.

    :param contract: the interface's contract.
    :param dms_conn_id: PostgreSQL connection of the DMS database, which holds the CRM and the warranty books.
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param staging_url: where judged rows are staged (templated).
    :return: counts of files ``applied``, ``held``, ``failed``, and of rows by what became of them.
    """

    template_fields: Sequence[str] = ("staging_url",)
    ui_color = "#d5ecd4"

    def __init__(
        self,
        *,
        contract: Contract,
        dms_conn_id: str = "dms",
        ledger_conn_id: str = "ledger",
        staging_url: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.dms_conn_id = dms_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.staging_url = staging_url

    def execute(self, context: Context) -> dict[str, int]:
        from include.imports.apply import apply_arrivals
        from include.staging import Staging

        with ledger_session(self.ledger_conn_id, context) as ledger:
            return dict(
                apply_arrivals(
                    self.contract,
                    ledger=ledger,
                    staging=Staging(*storage(self.staging_url)),
                    dms_dsn=postgres_dsn(self.dms_conn_id),
                )
            )
