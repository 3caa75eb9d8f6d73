"""Partners' directories tidied of what is imported for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from plugins.connections import sftp_endpoint, storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context


class RemoveFilesOperator(BaseOperator):
    """
    Remove at the partner what is applied or a copy of it, where the feed says so and the file is still the one read.

    Works on whatever waits to be removed, of earlier runs as well. A partner who does not let us leaves the file where
    it is; the import stands, and the ledger says why.

    :param interface: whose feeds; the DAG's contract.
    :param ledger_conn_id: PostgreSQL connection of the ledger.
    :param archive_url: where landed files are kept (templated).
    :return: counts of files ``removed``, ``kept`` and so on.
    """

    template_fields: Sequence[str] = ("archive_url",)
    ui_color = "#dddddd"

    def __init__(self, *, interface: str, ledger_conn_id: str = "ledger", archive_url: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.interface = interface
        self.ledger_conn_id = ledger_conn_id
        self.archive_url = archive_url

    def execute(self, context: Context) -> dict[str, int]:
        from include.archive import Archive
        from include.collect import remove
        from include.feeds import feeds

        with ledger_session(self.ledger_conn_id, context) as ledger:
            waiting = ledger.arrivals(interface=self.interface, states=("APPLIED", "DUPLICATE"))
            done = remove(
                feeds(ledger, interface=self.interface, states=("LIVE", "PAUSED", "TERMINATED")),
                [row.id for row in waiting],
                sftp_endpoint,
                ledger=ledger,
                archive=Archive(*storage(self.archive_url)),
            )
        for failure in done.failures:
            self.log.warning("%s: %s", failure.dealer, failure.message)
        return dict(done.counts)
