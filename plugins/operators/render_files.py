"""From accepted rows to the bytes that go, and the second reading of exactly those bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from plugins.connections import local_folder, storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class RenderFilesOperator(BaseOperator):
    """
    Render each checked file once into the archive and have Great Expectations read it there.

    Fails closed: if the second reading cannot be done the task fails, the files stay where they are, and a retry
    reads the same bytes. A file that the reading refuses is held and does not fail this task.

    :param contract: the interface's contract.
    :param run: what ``ExtractRowsOperator`` returned (templated).
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param staging_url: where accepted rows are staged (templated).
    :param archive_url: where rendered files are kept under their SHA-256 (templated).
    :param reports_url: where validation results go, for the quality report (templated).
    :return: counts of files ``gated`` and ``held``.
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
        from include.outbound.render import render
        from include.staging import Staging

        with ledger_session(self.ledger_conn_id, context) as ledger:
            return render(
                self.contract,
                self.run["batch_id"],
                self.run["file_ids"],
                ledger=ledger,
                staging=Staging(*storage(self.staging_url)),
                archive=Archive(*storage(self.archive_url)),
                reports_root=local_folder(self.reports_url),
                run_key=context["run_id"],
                log=self.log.info,
            )
