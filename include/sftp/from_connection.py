"""
A partner's endpoint out of what an Airflow connection holds: the one place that knows which field means what.

Airflow hands the fields to us (``plugins/connections.py``); a command line reads them from the environment variable in
which Airflow itself would find the connection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from include.sftp.endpoint import Endpoint, RemoteProfile

PROFILE: Final = ("readback", "readable", "keeps_names")


class ConnectionUnusable(ValueError):
    """A connection that is missing, cannot be read or lacks something; the message never quotes it."""


def endpoint_of(
    conn_id: str, *, host: str | None, port: int | None, login: str | None, extra: Mapping[str, Any]
) -> Endpoint:
    """
    Return connection ``conn_id`` as an endpoint: user, key and pinned host keys.

    ``private_key`` and ``host_key`` stand in ``extra``, as the SFTP provider's form has them; ``next_host_key`` may
    announce the key that the partner changes to. ``readback``, ``readable`` and ``keeps_names`` say how the partner's
    server differs (docs/publish-protocol.md).

    :raises ConnectionUnusable: if the key or the host key is missing, since neither is ever assumed.
    """
    missing = [name for name in ("private_key", "host_key") if not extra.get(name)]
    missing += [name for name, value in (("host", host), ("login", login)) if not value]
    if missing:
        raise ConnectionUnusable(
            f"connection {conn_id}: {', '.join(missing)} missing; a partner is reached with our private key and its "
            f"pinned host key only: enter them in Admin > Connections, or in {variable_of(conn_id)}"
        )
    return Endpoint(
        host=str(host),
        port=port or 22,
        username=str(login),
        private_key=extra["private_key"],
        host_keys=tuple(extra[name] for name in ("host_key", "next_host_key") if extra.get(name)),
        remote_profile=RemoteProfile(**{name: _is_true(extra[name]) for name in PROFILE if name in extra}),
    )


def endpoint_from_environment(conn_id: str, environment: Mapping[str, str]) -> Endpoint:
    """
    Return the connection that ``AIRFLOW_CONN_<CONN_ID>`` holds as JSON, as Airflow documents it.

    :raises ConnectionUnusable: if there is none, it is no JSON object, or lacks something.
    """
    variable = variable_of(conn_id)
    text = environment.get(variable, "").strip()
    if not text:
        raise ConnectionUnusable(
            f"{variable} is not set, and connections that only Airflow keeps are out of reach here. Next: run this "
            f'where Airflow runs with it, or set {variable} to {{"conn_type": "sftp", "host": …, "login": …, "extra": '
            '{"private_key": …, "host_key": …}}'
        )
    try:
        found = json.loads(text)
        extra = found.get("extra") or {}
        if isinstance(extra, str):
            extra = json.loads(extra)
        port = int(found["port"]) if found.get("port") else None
        if not isinstance(extra, dict):
            raise TypeError
    except (ValueError, TypeError, AttributeError):
        # Not `from` the error: it would carry the text, and with it the key.
        raise ConnectionUnusable(
            f"{variable} is no JSON object of a connection with host, port, login and extra; a URI cannot hold a "
            "private key legibly, so write it as JSON"
        ) from None
    return endpoint_of(conn_id, host=found.get("host"), port=port, login=found.get("login"), extra=extra)


def variable_of(conn_id: str) -> str:
    """Name of the environment variable in which Airflow looks for the connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def _is_true(value: object) -> bool:
    """Read a switch of a connection's extra, where the form gives text and JSON gives a boolean."""
    return str(value).strip().lower() in ("true", "1", "yes")
