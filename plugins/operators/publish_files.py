"""The delivery: one connection, the ten steps of docs/publish-protocol.md for each file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from plugins.connections import postgres_dsn, sftp_endpoint, storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class PublishFilesOperator(BaseOperator):
    """
    Publish every file of the run that passed the gate, and reconcile those that an earlier try left on the way.

    Fails without retry when trying again cannot help or is dangerous: a changed host key, a refused key, a server that
    is none, agreements that nobody can read. A dropped or stalled line is tried again, with the same bytes.

    :param contract: the interface's contract.
    :param run: what ``ExtractRowsOperator`` returned (templated).
    :param sftp_conn_id: the partner's SFTP connection.
    :param dms_conn_id: PostgreSQL connection of the DMS; a contract with agreements has them read again before sending.
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param archive_url: where rendered files are kept (templated).
    :return: how many files stand in which state.
    """

    template_fields: Sequence[str] = ("run", "archive_url")
    ui_color = "#d5ecd4"

    def __init__(
        self,
        *,
        contract: Contract,
        run: Mapping[str, Any],
        sftp_conn_id: str,
        dms_conn_id: str = "dms",
        ledger_conn_id: str = "ledger",
        archive_url: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.run = run
        self.sftp_conn_id = sftp_conn_id
        self.dms_conn_id = dms_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.archive_url = archive_url

    def execute(self, context: Context) -> dict[str, int]:
        from include.agreements import AgreementsError
        from include.archive import Archive
        from include.outbound.dealers import ExtractError
        from include.outbound.dms import DmsUnavailableError
        from include.outbound.publish import publish
        from include.sftp import PermanentTransferError

        with ledger_session(self.ledger_conn_id, context) as ledger:
            try:
                return publish(
                    self.contract,
                    self.run["file_ids"],
                    endpoint=sftp_endpoint(self.sftp_conn_id),
                    ledger=ledger,
                    archive=Archive(*storage(self.archive_url)),
                    dms_dsn=postgres_dsn(self.dms_conn_id) if self.contract.agreements else None,
                    log=self.log.info,
                )
            except DmsUnavailableError:
                raise
            except (PermanentTransferError, ExtractError, AgreementsError) as error:
                raise AirflowFailException(str(error)) from error
