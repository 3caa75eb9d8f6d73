"""What has landed, judged: each row by the contract, and what is left by Great Expectations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from plugins.connections import local_folder, storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class CheckFilesOperator(BaseOperator):
    """
    Split each landed file into accepted and rejected rows, and hold or reject a file that cannot be used as it is.

    Works on whatever waits, of earlier runs as well. A held or rejected file does not fail this task, since the others
    go on; the run's last task says so. Fails closed if the second reading cannot be done: nothing is imported then.

    :param contract: the interface's contract.
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param staging_url: where judged rows are staged (templated).
    :param archive_url: where landed files are (templated).
    :param reports_url: where validation results go, for the quality report (templated).
    :return: counts of files ``checked``, ``held``, ``rejected``, ``failed``.
    """

    template_fields: Sequence[str] = ("staging_url", "archive_url", "reports_url")
    ui_color = "#f4e3c1"

    def __init__(
        self,
        *,
        contract: Contract,
        ledger_conn_id: str = "ledger",
        staging_url: str,
        archive_url: str,
        reports_url: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.ledger_conn_id = ledger_conn_id
        self.staging_url = staging_url
        self.archive_url = archive_url
        self.reports_url = reports_url

    def execute(self, context: Context) -> dict[str, int]:
        from include.archive import Archive
        from include.imports.check import check_arrivals
        from include.staging import Staging

        with ledger_session(self.ledger_conn_id, context) as ledger:
            return dict(
                check_arrivals(
                    self.contract,
                    ledger=ledger,
                    archive=Archive(*storage(self.archive_url)),
                    staging=Staging(*storage(self.staging_url)),
                    reports_root=local_folder(self.reports_url),
                    run_key=context["run_id"],
                )
            )
