"""The quality report, built off the data path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from plugins.connections import local_folder

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
    """

    template_fields: Sequence[str] = ("reports_url",)
    ui_color = "#eeeeee"

    def __init__(self, *, contract: Contract, reports_url: str, keep_runs: int = 30, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.contract = contract
        self.reports_url = reports_url
        self.keep_runs = keep_runs

    def execute(self, context: Context) -> None:
        from include.quality.data_docs import build

        site = build(self.contract.id, local_folder(self.reports_url), keep_runs=self.keep_runs)
        self.log.info("The quality report is at %s", site)
