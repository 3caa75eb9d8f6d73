"""Wakes a DAG when a partner has put new files down: a watch in the triggerer, which holds no worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent


class NewFilesTrigger(BaseEventTrigger):
    """
    Looks every ``poll_seconds`` whether the live feeds of ``interface`` have files that no run has seen.

    Fires once for what came together, when it has stood still for one look; the run that follows decides for itself
    what is there. What a stopped triggerer misses, the schedule's sweep finds.
    """

    def __init__(self, interface: str, poll_seconds: float = 30.0, ledger_conn_id: str = "ledger") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if poll_seconds <= 0:
            raise ValueError(f"poll_seconds is {poll_seconds}; a watch without a pause would flood the partner")
        self.interface = interface
        self.poll_seconds = poll_seconds
        self.ledger_conn_id = ledger_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how the triggerer makes it again."""
        return (
            "plugins.triggers.new_files.NewFilesTrigger",
            {
                "interface": self.interface,
                "poll_seconds": self.poll_seconds,
                "ledger_conn_id": self.ledger_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event with the number of new files, each time there are some."""
        from asgiref.sync import sync_to_async

        from include.collect.watch import Watch

        watch = Watch()
        # Airflow answers for connections in this thread's loop; everything that waits is done in another.
        look = sync_to_async(self._look, thread_sensitive=False)
        while True:
            try:
                found = await look(watch)
            except Exception as error:
                self.log.warning("%s: no look was possible (%s); the next one follows", self.interface, error)
            else:
                if found:
                    self.log.info("%s: %s new files", self.interface, found)
                    yield TriggerEvent({"interface": self.interface, "files": found})  # type: ignore[no-untyped-call]
            await asyncio.sleep(self.poll_seconds)

    def _look(self, watch: Any) -> int:
        from include.feeds import feeds
        from include.ledger import Ledger
        from plugins.connections import postgres_dsn, sftp_endpoint

        with Ledger(postgres_dsn(self.ledger_conn_id), actor=f"airflow:watch/{self.interface}") as ledger:
            found: int = watch.look(feeds(ledger, interface=self.interface, states=("LIVE",)), sftp_endpoint, ledger)
            return found
