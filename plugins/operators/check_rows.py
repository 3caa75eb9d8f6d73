"""The first reading: every row against the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from plugins.connections import storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class CheckRowsOperator(BaseOperator):
    """
    Split the staged rows into accepted, rejected and withheld, and hold a dealer's file that has too many rejected.

    A held file does not fail this task, since the other dealers' files go on; the run's last task says so.

    :param contract: the interface's contract.
    :param run: what ``ExtractRowsOperator`` returned (templated).
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param staging_url: where staged rows are (templated).
    :param archive_url: where delivered files are, to say what changed in one (templated).
    :return: counts of rows ``accepted``, ``rejected``, ``withheld``.
    """

    template_fields: Sequence[str] = ("run", "staging_url", "archive_url")
    ui_color = "#f4e3c1"

    def __init__(
        self,
        *,
        contract: Contract,
        run: Mapping[str, Any],
        ledger_conn_id: str = "ledger",
        staging_url: str,
        archive_url: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.run = run
        self.ledger_conn_id = ledger_conn_id
        self.staging_url = staging_url
        self.archive_url = archive_url

    def execute(self, context: Context) -> dict[str, int]:
        from include.archive import Archive
        from include.outbound.check import check
        from include.staging import Staging

        with ledger_session(self.ledger_conn_id, context) as ledger:
            return check(
                self.contract,
                self.run["batch_id"],
                self.run["file_ids"],
                ledger=ledger,
                staging=Staging(*storage(self.staging_url)),
                archive=Archive(*storage(self.archive_url)),
                log=self.log.info,
            )
