"""The first stop: from the DMS to staged rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from plugins.connections import postgres_dsn, storage
from plugins.ledger_session import ledger_session
from plugins.run_window import mode_of, window_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class ExtractRowsOperator(BaseOperator):
    """
    Plan one file per dealer in the ledger and stage the rows of the run's business day or month.

    With the parameter ``mode: preview`` the run works in an environment of its own, and its files are never sent. Fails
    without retry when the period is not over, is cut, or is not named, and when ``dealers`` names nobody; a database
    that does not answer is tried again.

    :param contract: the interface's contract.
    :param dms_conn_id: PostgreSQL connection of the DMS, read through its views only.
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param staging_url: where staged rows go (templated).
    :param environment: of a run that delivers: ``live`` or ``test``; each counts its own sequence numbers.
    :return: ``batch_id``, ``file_ids`` and ``rows`` for the tasks downstream; no row leaves through XCom.
    """

    template_fields: Sequence[str] = ("staging_url",)
    ui_color = "#dbe9f4"

    def __init__(
        self,
        *,
        contract: Contract,
        dms_conn_id: str = "dms",
        ledger_conn_id: str = "ledger",
        staging_url: str,
        environment: str = "live",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.dms_conn_id = dms_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.staging_url = staging_url
        self.environment = environment

    def execute(self, context: Context) -> dict[str, Any]:
        from include.agreements import AgreementsError
        from include.ledger.states import PREVIEW
        from include.outbound.dealers import ExtractError
        from include.outbound.extract import DmsUnavailableError, extract
        from include.staging import Staging
        from include.window import WindowError

        staging = Staging(*storage(self.staging_url))
        if pruned := staging.prune(days=7):
            self.log.info("Removed the staged files of %d aborted runs", len(pruned))
        with ledger_session(self.ledger_conn_id, context) as ledger:
            try:
                result = extract(
                    self.contract,
                    window_of(context, self.contract),
                    dms_dsn=postgres_dsn(self.dms_conn_id),
                    ledger=ledger,
                    staging=staging,
                    run_id=context["run_id"],
                    now=datetime.now(UTC),
                    environment=PREVIEW if mode_of(context) == "preview" else self.environment,
                    dealers=context["params"].get("dealers") or (),
                    log=self.log.info,
                )
            except DmsUnavailableError:
                raise
            except (ExtractError, WindowError, AgreementsError) as error:
                raise AirflowFailException(str(error)) from error
        return {"batch_id": result.batch_id, "file_ids": result.file_ids, "rows": result.rows}
