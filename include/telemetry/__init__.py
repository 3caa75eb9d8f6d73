"""
What the ledger says happened, as OpenTelemetry metrics and OpenLineage events.

Made from the ledger's events and not by the tasks that cause them: a collector that is down can neither slow nor fail a
transfer, and nothing is lost, since each reader's position stays where it is until its events were handed over.

    telemetry = Telemetry.from_environment()
    while telemetry.follow(ledger): ...

docs/observability.md lists what is told and how it is switched on.
"""

from __future__ import annotations

from include.telemetry.datasets import Places
from include.telemetry.follow import Telemetry

__all__ = ["Places", "Telemetry"]
