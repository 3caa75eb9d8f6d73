"""How OpenLineage calls the tables and directories that files come from and go to."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import ArrivalRow, FileRow

SFTP_PORT = 22


def _nobody_knows(conn_id: str) -> str | None:
    return None


@dataclass(frozen=True)
class Places:
    """
    Where things are, for the names of datasets; no credentials in it.

    ``dms`` is the namespace of the tables and views of the DMS, the CRM and the warranty books; ``database`` stands
    before their names. ``host_of`` gives the host (``host`` or ``host:port``) behind the connection of an inbound feed:
    the ledger does not know it, and without it the partner's name stands there.
    """

    dms: str = "postgres://dms"
    database: str = ""
    host_of: Callable[[str], str | None] = _nobody_knows

    @classmethod
    def of_dsn(cls, dms_dsn: str, *, host_of: Callable[[str], str | None] = _nobody_knows) -> Self:
        """Take host, port and database of a libpq string, and nothing else of it."""
        from psycopg2.extensions import parse_dsn

        parts = parse_dsn(dms_dsn)
        host = str(parts.get("host") or "localhost")
        # A socket's folder is no host.
        host = "localhost" if host.startswith("/") else host
        return cls(f"postgres://{host}:{parts.get('port') or 5432}", str(parts.get("dbname") or ""), host_of)

    def table(self, source: str) -> tuple[str, str]:
        """Namespace and name of a table or view."""
        return self.dms, f"{self.database}.{source}" if self.database else source

    def outbox(self, contract: Contract, file: FileRow, endpoint: str | None) -> tuple[str, str]:
        """
        Namespace and name of the directory in which a file stands at its partner.

        The directory and not the file: a data set has a file for each dealer and day, and names of files have no end.

        :param endpoint: where the last attempt to send went, as the ledger noted it.
        """
        directory = posixpath.dirname(file.remote_path or "") or contract.remote_dir
        return f"sftp://{_host(endpoint) or file.partner}", directory

    def inbox(self, contract: Contract, arrival: ArrivalRow, conn_id: str | None) -> tuple[str, str]:
        """Namespace and name of the directory in which a feed's files are found."""
        host = self.host_of(conn_id) if conn_id else None
        return f"sftp://{host or contract.partner}", f"/{arrival.directory}"


def _host(endpoint: str | None) -> str | None:
    """``host`` or ``host:port`` of ``sftp://user@host:port``: who we are there is nobody's business."""
    parts = urlsplit(endpoint or "")
    if not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if parts.port in (None, SFTP_PORT) else f"{host}:{parts.port}"
