"""What partners have put down for us, landed in the archive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from plugins.connections import sftp_endpoint, storage
from plugins.ledger_session import ledger_session

if TYPE_CHECKING:
    from airflow.sdk import Context


# A task that waited for longer would rather be the next run.
LONGEST_STILL = 900.0


class CollectFilesOperator(BaseOperator):
    """
    Look into the directory of every live feed of an interface and land each new file that stands still.

    A partner that cannot be reached costs its own feeds only. The task is tried again for what may pass by itself; its
    last try goes on with what there is, and the run's last task says what could not be had.

    :param interface: whose feeds; the DAG's contract.
    :param stable_seconds: how long a file must stand unchanged before it is read (templated).
    :param ledger_conn_id: PostgreSQL connection of the ledger, which holds the feeds.
    :param archive_url: where landed files are kept (templated).
    :return: ``begun``, the instant at which the run began; ``counts`` of what happened; and ``failures``: dealer,
        arrival id (null for a whole feed) and code each.
    """

    template_fields: Sequence[str] = ("stable_seconds", "archive_url")
    ui_color = "#c8e1ee"

    def __init__(
        self,
        *,
        interface: str,
        stable_seconds: float | str = 60.0,
        ledger_conn_id: str = "ledger",
        archive_url: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.interface = interface
        self.stable_seconds = stable_seconds
        self.ledger_conn_id = ledger_conn_id
        self.archive_url = archive_url

    def execute(self, context: Context) -> dict[str, Any]:
        from include.archive import Archive
        from include.collect import collect
        from include.feeds import feeds

        # Of the run and not of this try: what an earlier try has settled is told by this run as well.
        begun = context["dag_run"].start_date or datetime.now(UTC)
        with ledger_session(self.ledger_conn_id, context) as ledger:
            found = collect(
                self.interface,
                feeds(ledger, interface=self.interface, states=("LIVE",)),
                sftp_endpoint,
                ledger=ledger,
                archive=Archive(*storage(self.archive_url)),
                stable_seconds=self._stable_seconds(),
            )
        instance = context["ti"]
        passing = [failure for failure in found.failures if failure.transient]
        if passing and instance.try_number <= instance.max_tries:
            raise AirflowException(
                f"{len(passing)} of the partner's feeds or files could not be had, which may pass; first: "
                f"{passing[0].message}"
            )
        return {
            "begun": begun.isoformat(),
            "counts": dict(found.counts),
            "failures": [
                {"dealer": failure.dealer, "arrival": failure.arrival_id, "code": failure.code}
                for failure in found.failures
            ],
        }

    def _stable_seconds(self) -> float:
        try:
            seconds = float(self.stable_seconds)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= LONGEST_STILL:
            raise AirflowFailException(
                f"stable_seconds is {self.stable_seconds!r}; set the variable to seconds from 0 to {LONGEST_STILL:.0f} "
                "(Admin > Variables), or remove it and 60 are taken"
            )
        return seconds
