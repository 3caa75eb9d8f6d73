"""Ports, secrets and the environment that Airflow's processes get."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

import pytest

from include.contract import all_contract_ids, load_contract
from local.partners.server import folders_of_partners
from local.settings import (
    FIRST_PORT,
    LOOPBACK,
    PARTNERS,
    POOLS,
    USERS,
    Settings,
    SettingsError,
    airflow_environment,
    choose_port,
    free_port,
    write_private,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(tmp_path / "run")
    made.make_folders()
    return made


def test_an_interface_is_called_after_its_partner_and_each_has_a_pool() -> None:
    partners = {load_contract(name).partner for name in all_contract_ids()}
    assert set(PARTNERS) == partners
    assert POOLS.keys() == {f"{partner}_sftp" for partner in partners}
    assert folders_of_partners().keys() == partners
    for name in all_contract_ids():
        contract = load_contract(name)
        assert contract.remote_dir.strip("/") in folders_of_partners()[contract.partner]


def test_a_taken_port_is_refused_with_who_has_it_and_another_one() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as refused:
            choose_port(port)
    assert f"port {port} is taken by process {os.getpid()}" in str(refused.value)
    offered = re.search(r"make run PORT=(\d+)", str(refused.value))
    assert offered is not None
    assert choose_port(int(offered[1])) == int(offered[1])


def test_without_a_wish_a_taken_port_is_passed_over() -> None:
    first = choose_port(None)
    with socket.socket() as taken:
        taken.bind((LOOPBACK, first))
        taken.listen()
        second = choose_port(None)
    assert first >= FIRST_PORT
    assert second != first


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(SettingsError, match=f"PORT={port} is no port"):
        choose_port(port)


def test_secrets_are_made_once_differ_and_are_the_owners_alone(settings: Settings, tmp_path: Path) -> None:
    first = settings.secrets()
    assert settings.secrets() == first
    assert Settings(tmp_path / "another").secrets() != first
    assert len(set(first.values())) == len(first)
    assert len(first["jwt"].encode()) >= 64
    assert (settings.run_dir / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_secret_that_is_new_in_the_code_joins_those_that_are_there(settings: Settings) -> None:
    write_private(settings.run_dir / "secrets.json", json.dumps({"jwt": "kept"}))
    found = settings.secrets()
    assert found["jwt"] == "kept"
    assert found["password_admin"]


def test_no_file_that_others_may_read_holds_a_secret(settings: Settings) -> None:
    key = "-----BEGIN SECRET-----"
    airflow_environment(settings, port=8080, connections={"merkle_sftp": {"extra": {"private_key": key}}})
    secrets = [*settings.secrets().values(), key]
    holding = [
        path
        for path in settings.run_dir.rglob("*")
        if path.is_file() and any(secret in path.read_text() for secret in secrets)
    ]
    assert {path.name for path in holding} == {"secrets.json", "passwords.json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holding)
    assert settings.run_dir.stat().st_mode & 0o077 == 0


def test_private_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "deep" / "secret", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "deep" / "secret").stat().st_mode & 0o777 == 0o600


def test_airflow_gets_ours_and_nothing_of_another_airflow(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "SequentialExecutor")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "mail.example")
    monkeypatch.setenv("AIRFLOW_CONN_MERKLE_SFTP", "sftp://the-real-one.example")
    monkeypatch.setenv("AIRFLOW_VAR_ARCHIVE_URL", "s3://the-real-one/")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    port = free_port()
    found = airflow_environment(settings, port=port, connections={"merkle_sftp": {"conn_type": "sftp", "port": 4022}})

    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__SMTP__SMTP_HOST" not in found
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert LOOPBACK in found["NO_PROXY"].split(",")
    assert found["AIRFLOW__API__HOST"] == LOOPBACK
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"http://{LOOPBACK}:{port}/execution/"
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://")
    assert found["GX_ANALYTICS_ENABLED"] == "false"
    assert found["AIRFLOW_VAR_ARCHIVE_URL"] == (settings.run_dir / "archive").as_uri()
    connections = {
        name.removeprefix("AIRFLOW_CONN_").lower(): json.loads(value)
        for name, value in found.items()
        if name.startswith("AIRFLOW_CONN_")
    }
    assert connections.keys() == {"dms", "ledger", "merkle_sftp"}
    assert connections["merkle_sftp"] == {"conn_type": "sftp", "port": 4022}
    assert connections["dms"]["schema"] == "dms"


def test_every_user_has_a_password_of_their_own_and_login_is_on(settings: Settings) -> None:
    found = airflow_environment(settings, port=8080, connections={})
    passwords = json.loads(settings.passwords_file.read_text())
    assert passwords.keys() == USERS.keys()
    assert len(set(passwords.values())) == len(USERS)
    assert found["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,oncall:op,viewer:viewer"
    assert not [name for name in found if "ALL_ADMINS" in name]
