"""Airflow connections and storage locations, as the plain values that include/ works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from fsspec import AbstractFileSystem

    from include.sftp import Endpoint


def postgres_dsn(conn_id: str) -> str:
    """Return connection ``conn_id`` as a libpq string; an empty host means the default socket."""
    return dsn_of(_connection(conn_id))


def dsn_of(connection: Connection) -> str:
    """Return a PostgreSQL connection as a libpq string; an empty host means the default socket."""
    from psycopg2.extensions import make_dsn

    parts = {
        "host": connection.host,
        "port": connection.port,
        "user": connection.login,
        "password": connection.password,
        "dbname": connection.schema,
        **{
            key: value for key, value in connection.extra_dejson.items() if key in ("sslmode", "sslrootcert", "options")
        },
    }
    dsn: str = make_dsn("", **{key: value for key, value in parts.items() if value})
    return dsn


def sftp_endpoint(conn_id: str) -> Endpoint:
    """
    Return connection ``conn_id`` as an SFTP endpoint; include/sftp/from_connection.py says which field means what.

    :raises AirflowFailException: if the key or the host key is missing, since neither is ever assumed.
    """
    from include.sftp.from_connection import ConnectionUnusable, endpoint_of

    connection = _connection(conn_id)
    try:
        return endpoint_of(
            conn_id,
            host=connection.host,
            port=connection.port,
            login=connection.login,
            extra=connection.extra_dejson,
        )
    except ConnectionUnusable as error:
        raise AirflowFailException(str(error)) from None


def storage(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system and the path on it of a storage URL, such as ``file:///srv/archive`` or ``s3://aws@b/p``."""
    from airflow.sdk import ObjectStoragePath

    location = ObjectStoragePath(url)
    return location.fs, location.path


def local_folder(url: str) -> str:
    """
    Return the folder of a ``file://`` URL.

    :raises AirflowFailException: for any other store, whose path would silently become a folder of this worker.
    """
    if not url.startswith("file://"):
        raise AirflowFailException(f"{url} is no folder; reports_url must be a file:// URL that all workers share")
    return storage(url)[1]


def _connection(conn_id: str) -> Connection:
    try:
        return BaseHook.get_connection(conn_id)
    except Exception as error:
        raise AirflowFailException(
            f"there is no connection {conn_id!r} ({type(error).__name__}); create it in Admin > Connections "
            f"or set AIRFLOW_CONN_{conn_id.upper()}"
        ) from error
