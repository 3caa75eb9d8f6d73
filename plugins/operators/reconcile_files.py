"""A month's files against what went day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from plugins.connections import local_folder, storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class ReconcileFilesOperator(BaseOperator):
    """
    Compare the run's files with the delivered files of the interface that the contract is reconciled with.

    Each differing line is classified and stored; one that no kind explains holds its dealer's file, which does not fail
    this task: the run's last task says so. Wire it between render and publish. Fails closed: a file that cannot be
    compared is held; if the contracts do not fit or the archive does not answer, the task fails and nothing goes.

    :param contract: the interface's contract; it says ``reconciledWith``.
    :param run: what ``ExtractRowsOperator`` returned (templated).
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param staging_url: where the rows are staged with their fates (templated).
    :param archive_url: where delivered files are (templated).
    :param reports_url: where the CSV and the page go (templated).
    :return: counts of files ``compared``, ``held``, ``not_applicable``, ``skipped`` and ``failed``, of ``differences``
        and those ``unexplained``.
    """

    template_fields: Sequence[str] = ("run", "staging_url", "archive_url", "reports_url")
    ui_color = "#f4e3c1"

    def __init__(
        self,
        *,
        contract: Contract,
        run: Mapping[str, Any],
        ledger_conn_id: str = "ledger",
        staging_url: str,
        archive_url: str,
        reports_url: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.run = run
        self.ledger_conn_id = ledger_conn_id
        self.staging_url = staging_url
        self.archive_url = archive_url
        self.reports_url = reports_url

    def execute(self, context: Context) -> dict[str, int]:
        from include.archive import Archive
        from include.reconcile.run import reconcile
        from include.staging import Staging

        with ledger_session(self.ledger_conn_id, context) as ledger:
            return reconcile(
                self.contract,
                self.run["batch_id"],
                self.run["file_ids"],
                ledger=ledger,
                staging=Staging(*storage(self.staging_url)),
                archive=Archive(*storage(self.archive_url)),
                reports_root=local_folder(self.reports_url),
                log=self.log.info,
            )
