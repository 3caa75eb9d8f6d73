"""The last word of a run whose files come in: what each became, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class ConcludeImportsOperator(BaseOperator):
    """
    Log one line per file that the run moved or left open, and be red when a person has to look at something now.

    Notices, too, which feeds should have brought a file by now: LATE is logged, MISSING makes the run red, each once.

    Runs whatever became of the tasks before it, so that the reason stands in one place. Fails without retry: waiting
    changes nothing, a person or the next run does.

    :param contract: the interface's contract.
    :param run: what ``CollectFilesOperator`` returned (templated); nothing if the run did not get that far.
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :return: ``states``: how many files stand in which state; ``counts``: what their imports did.
    """

    template_fields: Sequence[str] = ("run",)
    ui_color = "#e8dff0"

    def __init__(
        self, *, contract: Contract, run: Mapping[str, Any] | None, ledger_conn_id: str = "ledger", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.run = run
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, dict[str, int]]:
        from include.collect import notice
        from include.feeds import feeds
        from include.imports.conclude import UnfinishedError, conclude_arrivals

        if not self.run:
            raise AirflowFailException(
                f"{self.contract.id}: the run stopped before it had looked at every feed; see the log of `collect`"
            )
        with ledger_session(self.ledger_conn_id, context) as ledger:
            live = feeds(ledger, interface=self.contract.id, states=("LIVE",))
            unpunctual = notice(self.contract, live, ledger, now=datetime.now(UTC))
            for each in unpunctual:
                self.log.warning("%s", each)
            try:
                done = conclude_arrivals(
                    self.contract,
                    begun=datetime.fromisoformat(self.run["begun"]),
                    failures=self.run["failures"],
                    missing=[str(each) for each in unpunctual if each.status == "MISSING"],
                    ledger=ledger,
                    log=self.log.info,
                )
            except UnfinishedError as error:
                raise AirflowFailException(str(error)) from error
        return {"states": dict(done.states), "counts": dict(done.counts)}
