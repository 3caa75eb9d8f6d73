"""The last word of a run: what went, what did not, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from plugins.connections import storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class ConcludeRunOperator(BaseOperator):
    """
    Log one line per file and be red when one that was due did not go; say of a preview what delivering would do.

    Runs whatever became of the tasks before it, so that the reason stands in one place. Fails without retry: waiting
    changes nothing, a person or a re-run does.

    :param contract: the interface's contract.
    :param run: what ``ExtractRowsOperator`` returned (templated); nothing if the run did not get that far.
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param staging_url: where the run's staged files are removed when all is well (templated).
    :param archive_url: where delivered files are, to compare a preview with (templated).
    :return: how many files stand in which state.
    """

    template_fields: Sequence[str] = ("run", "staging_url", "archive_url")
    ui_color = "#e8dff0"

    def __init__(
        self,
        *,
        contract: Contract,
        run: Mapping[str, Any] | None,
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
        from include.outbound.conclude import UndeliveredError, conclude
        from include.staging import Staging

        if not self.run:
            raise AirflowFailException(
                f"{self.contract.id}: the run stopped before any file was planned; see the log of `extract`"
            )
        with ledger_session(self.ledger_conn_id, context) as ledger:
            try:
                states = conclude(
                    self.contract,
                    self.run["file_ids"],
                    ledger=ledger,
                    archive=Archive(*storage(self.archive_url)),
                    log=self.log.info,
                )
            except UndeliveredError as error:
                raise AirflowFailException(str(error)) from error
        Staging(*storage(self.staging_url)).remove(str(self.run["batch_id"]))
        return states
