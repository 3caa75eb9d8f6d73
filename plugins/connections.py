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
    from psycopg2.extensions import make_dsn

    connection = _connection(conn_id)
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
    Return connection ``conn_id`` as an SFTP endpoint: user, key and pinned host keys.

    ``private_key`` and ``host_key`` stand in the connection's extra, as the SFTP provider's form has them;
    ``next_host_key`` may announce the key that the partner changes to. ``readback``, ``readable`` and ``keeps_names``
    say how the partner's server differs (docs/publish-protocol.md).

    :raises AirflowFailException: if the key or the host key is missing, since neither is ever assumed.
    """
    from include.sftp import Endpoint, RemoteProfile

    connection = _connection(conn_id)
    extra = connection.extra_dejson
    missing = [name for name in ("private_key", "host_key") if not extra.get(name)]
    missing += [name for name, value in (("host", connection.host), ("login", connection.login)) if not value]
    if missing:
        raise AirflowFailException(
            f"connection {conn_id}: {', '.join(missing)} missing; a partner is reached with our private key and its "
            "pinned host key only: enter them in Admin > Connections"
        )
    return Endpoint(
        host=str(connection.host),
        port=connection.port or 22,
        username=str(connection.login),
        private_key=extra["private_key"],
        host_keys=tuple(extra[name] for name in ("host_key", "next_host_key") if extra.get(name)),
        remote_profile=RemoteProfile(
            **{name: _is_true(extra[name]) for name in ("readback", "readable", "keeps_names") if name in extra}
        ),
    )


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


def _is_true(value: object) -> bool:
    """Read a switch of a connection's extra, where the form gives text and JSON gives a boolean."""
    return str(value).strip().lower() in ("true", "1", "yes")


def _connection(conn_id: str) -> Connection:
    try:
        return BaseHook.get_connection(conn_id)
    except Exception as error:
        raise AirflowFailException(
            f"there is no connection {conn_id!r} ({type(error).__name__}); create it in Admin > Connections "
            f"or set AIRFLOW_CONN_{conn_id.upper()}"
        ) from error
