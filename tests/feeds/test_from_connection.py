"""A connection means the same to Airflow's tasks and to the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.sftp.from_connection import ConnectionUnusable, endpoint_from_environment

EXTRA: dict[str, Any] = {"private_key": "-- a key --\n", "host_key": "ssh-ed25519 AAAA", "next_host_key": ""}
CONNECTION: dict[str, Any] = {"conn_type": "sftp", "host": "sftp.example.com", "login": "us", "extra": EXTRA}


@pytest.mark.parametrize(
    "connection",
    [
        CONNECTION,
        {**CONNECTION, "port": 2222},
        {**CONNECTION, "port": "2222", "extra": json.dumps(EXTRA)},
        {**CONNECTION, "extra": {**EXTRA, "next_host_key": "ssh-ed25519 BBBB", "readable": "False", "readback": True}},
    ],
)
def test_the_environment_is_read_as_airflow_reads_it(
    connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from plugins.connections import sftp_endpoint

    variable = {"AIRFLOW_CONN_PARTNER_SFTP": json.dumps(connection)}
    monkeypatch.setenv(*next(iter(variable.items())))
    ours = endpoint_from_environment("partner_sftp", variable)
    assert ours == sftp_endpoint("partner_sftp")
    assert ours.port == int(connection.get("port", 22))
    assert len(ours.host_keys) == (2 if connection["extra"] and "BBBB" in str(connection["extra"]) else 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "AIRFLOW_CONN_P is not set"),
        ("sftp://us:secret@host", "is no JSON object"),
        ('["secret"]', "is no JSON object"),
        ('{"host": "h", "login": "us", "extra": ["secret"]}', "is no JSON object"),
        ('{"host": "h", "login": "us", "port": "secret"}', "is no JSON object"),
        ('{"host": "h", "password": "secret"}', "connection p: private_key, host_key, login missing"),
    ],
)
def test_what_is_not_a_whole_connection_is_refused_without_quoting_it(text: str, why: str) -> None:
    with pytest.raises(ConnectionUnusable) as refused:
        endpoint_from_environment("p", {"AIRFLOW_CONN_P": text})
    assert why in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_airflow_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from plugins.connections import sftp_endpoint

    monkeypatch.setenv("AIRFLOW_CONN_P", json.dumps({**CONNECTION, "extra": {}}))
    with pytest.raises(AirflowFailException, match="private_key, host_key missing"):
        sftp_endpoint("p")
