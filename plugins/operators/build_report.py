"""The quality report, built off the data path."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseOperator

from plugins.connections import local_folder, postgres_dsn

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract


class BuildReportOperator(BaseOperator):
    """
    Build the interface's Data Docs from the results that the gate stored; keep the last runs only.

    Wire it as a teardown after the run's last task: a report that fails never changes what became of a delivery.

    :param contract: the interface's contract.
    :param reports_url: where validation results are and the pages go (templated).
    :param keep_runs: how many runs the report keeps.
    :param figures_conn_id: PostgreSQL connection of the warranty books, of an interface whose report has their figures.
    """

    template_fields: Sequence[str] = ("reports_url",)
    ui_color = "#eeeeee"

    def __init__(
        self,
        *,
        contract: Contract,
        reports_url: str,
        keep_runs: int = 30,
        figures_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.reports_url = reports_url
        self.keep_runs = keep_runs
        self.figures_conn_id = figures_conn_id

    def execute(self, context: Context) -> None:
        from include.quality.data_docs import build

        if self.figures_conn_id is not None:
            from include.warranty.report import write_figures

            today = datetime.now(ZoneInfo(self.contract.zone)).date()
            dsn = postgres_dsn(self.figures_conn_id)
            write_figures(dsn, self.contract.id, local_folder(self.reports_url), as_of=today)
        site = build(self.contract.id, local_folder(self.reports_url), keep_runs=self.keep_runs)
        self.log.info("The quality report is at %s", site)
