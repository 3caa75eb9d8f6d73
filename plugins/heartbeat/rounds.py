"""One look around: find, write down, tell."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.models.connection import Connection

from include.contract import all_contract_ids, load_contract
from include.ledger import Ledger, LedgerUnavailableError, NewNotice
from include.notices import Digest, Looked, keep, look
from plugins.connections import dsn_of
from plugins.heartbeat.around import look_at_airflow
from plugins.heartbeat.channels import tell
from plugins.heartbeat.telemetry import follow

if TYPE_CHECKING:
    from include.telemetry import Telemetry

LOG = logging.getLogger(__name__)
FIRST_LOOK_BACK = timedelta(days=2)
"""How far a first look goes back; what was due before anybody looked is on the pages."""


@dataclass(frozen=True)
class Round:
    """
    What one look found: open notices by kind, how many were opened and ended by it, channels that failed and why, and
    which parts of Airflow stand still.

    ``standby`` names who looks instead of us; then nothing else was done.
    """

    at: datetime
    open: Mapping[str, int]
    opened: int = 0
    ended: int = 0
    failed: Mapping[str, str] | None = None
    still: tuple[str, ...] = ()
    standby: str | None = None

    def told(self) -> dict[str, Any]:
        """The look as JSON."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "open": dict(self.open),
            "opened": self.opened,
            "ended": self.ended,
            "channels_failed": dict(self.failed or {}),
            "standby": self.standby,
        }


def look_around(owner: str, *, seconds: int, telemetry: Telemetry | None = None) -> Round:
    """
    Look once at everything, as ``owner`` who looks again in ``seconds``; then tell ``telemetry`` what happened.

    :raises LedgerError: if the ledger does not answer.
    """
    now = datetime.now(UTC)
    interfaces = all_contract_ids()
    with Ledger(_dsn("ledger"), actor=f"heartbeat:{owner}") as ledger:
        ledger.check_schema()
        before = ledger.last_beat()
        if not ledger.beat(owner, seconds=seconds):
            return Round(now, {}, standby=before.owner if before else "somebody")
        since = now - FIRST_LOOK_BACK if before is None or before.seen_at is None else before.seen_at
        open_ones = ledger.open_notices()
        looked = _seen("airflow", lambda: look_at_airflow(interfaces))
        for interface in interfaces:
            looked += _seen(interface, partial(_look, interface, ledger, now, since, open_ones))
        kept = keep(looked, ledger, now=now)
        # Until then each look goes back as far as the last one that saw all.
        if looked.scopes.issuperset(interfaces):
            ledger.saw_everything(now)
        failed = tell(ledger, lambda channel: Digest.of(ledger.untold_notices(channel), notices_page()))
        rows = ledger.open_notices()
        if telemetry is not None:
            follow(telemetry, ledger)
    counted = dict(sorted(Counter(row.kind for row in rows).items()))
    still = tuple(row.subject for row in rows if row.kind == "COMPONENT")
    return Round(now, counted, kept.opened, kept.ended, failed, still)


def rest(owner: str, telemetry: Telemetry | None = None) -> None:
    """Say that ``owner`` ends, so that another may look at once; ``LedgerError`` if the ledger does not answer."""
    with Ledger(_dsn("ledger"), actor=f"heartbeat:{owner}") as ledger:
        if telemetry is not None:
            telemetry.close(ledger)
        ledger.end_beats(owner)


def _seen(what: str, looking: Callable[[], Looked]) -> Looked:
    """One thing's look; an error in it is noticed, and keeps nobody from looking at the others."""
    scope = f"{what}/seen"
    try:
        return looking() + Looked((), frozenset([scope]))
    except LedgerUnavailableError:
        raise
    except Exception as error:
        kind = type(error).__name__
        LOG.error("%s could not be looked at: %s", what, kind)
        said = f"{what} could not be looked at ({kind}); whether its files are on time is not known"
        return Looked((NewNotice("UNSEEN", what, scope, said),), frozenset([scope]))


def _look(interface: str, ledger: Ledger, now: datetime, since: datetime, open_ones: Any) -> Looked:
    return look(load_contract(interface), ledger, dms_dsn=_dsn("dms"), now=now, since=since, open_ones=open_ones)


def notices_page() -> str:
    """Return the address of the page with the notices, as a person's browser reaches it."""
    return f"{conf.get('api', 'base_url', fallback='http://localhost:8080').rstrip('/')}/plugin/notices"


def _dsn(conn_id: str) -> str:
    return dsn_of(Connection.get_connection_from_secrets(conn_id))
