"""docker-compose.yaml against the compose specification, and against what we promise about secrets and health.

There is no container engine here: what runs inside the containers and is ours (the databases' script, the names of
settings, the files the image takes) is tried on its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from jsonschema import Draft202012Validator

from include.migrations.run import migrate
from local.postgres import binary, running_postgres
from local.settings import PARTNERS, POOLS, Settings, airflow_environment

VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?:(:?[-?])([^}]*))?\}")
SECRET = re.compile(r"PASSWORD|SECRET|KEY|AUTH$|DSN|CONN|RESULT_BACKEND|BROKER_URL")
ONE_SHOT = {"prepare"}


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "docker-compose.yaml").read_text()


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.fixture(scope="module")
def documented(repository: Path) -> dict[str, str]:
    """Name and value of every line of .env.example; a name must not be there twice."""
    lines = [line for line in (repository / ".env.example").read_text().splitlines() if re.match("[A-Z]", line)]
    pairs = dict(line.split("=", 1) for line in lines)
    assert len(pairs) == len(lines)
    return pairs


def strings(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string below ``node`` with the path to it."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, f"{path}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from strings(value, f"{path}/{number}")
    elif isinstance(node, str):
        yield path, node


def test_it_is_valid_by_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "schemas" / "compose-spec.json").read_text())
    validator = Draft202012Validator(schema)
    assert [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(compose)] == []
    broken = {**compose, "services": {**compose["services"], "api-server": {"imagee": "x"}}}
    assert list(validator.iter_errors(broken)), "the schema must notice a service with an unknown key"


def test_every_variable_is_explained_and_every_explanation_is_used(text: str, documented: dict[str, str]) -> None:
    assert {name for name, _, _ in VARIABLE.findall(text)} == documented.keys()


def test_secrets_have_no_default_and_the_example_holds_none(text: str, documented: dict[str, str]) -> None:
    kinds: dict[str, set[str]] = {}
    for name, kind, _ in VARIABLE.findall(text):
        kinds.setdefault(name, set()).add(kind)
    secret = {name for name in kinds if re.search(r"PASSWORD|SECRET|KEY$", name)}
    assert len(secret) >= 10
    for name in secret:
        assert kinds[name] == {":?"}, f"{name} must be refused when it is empty"
        assert documented[name] == "", f".env.example gives {name} a value"


def test_a_default_is_the_one_that_the_example_tells(text: str, documented: dict[str, str]) -> None:
    told = {name: default for name, kind, default in VARIABLE.findall(text) if kind == ":-"}
    assert told
    assert told == {name: documented[name] for name in told}


def test_no_setting_that_holds_a_secret_is_written_out(compose: dict[str, Any]) -> None:
    checked = 0
    for path, value in strings(compose["services"]):
        name = path.rsplit("/", 1)[-1]
        if "/environment/" not in path or not SECRET.search(name):
            continue
        checked += 1
        without = VARIABLE.sub("", value)
        assert value != without, f"{path} holds a literal"
        for password in re.findall(r"://[^:@/]*:([^@]*)@|\"(?:password|private_key)\": \"([^\"]*)\"", without):
            assert password == ("", ""), f"{path} holds a password"
    assert checked > 50


def test_every_service_says_whether_it_is_well_and_waits_for_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
            assert service["restart"] == "unless-stopped", name
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how["condition"] == expected, f"{name} on {needed}"
    assert {"postgres", "redis", "api-server", "scheduler", "dag-processor", "worker", "triggerer"} <= services.keys()
    for name in ("scheduler", "worker", "triggerer"):
        assert "api-server" in services[name]["depends_on"], f"{name} fails its first tasks without the api-server"


def test_images_are_pinned_and_ours_is_built_from_the_pinned_airflow(compose: dict[str, Any], repository: Path) -> None:
    images = {service["image"] for service in compose["services"].values()}
    assert all(re.fullmatch(r"[a-z-]+:[0-9][0-9a-z.-]*", image) for image in images), images
    dockerfile = (repository / "Dockerfile").read_text()
    airflow = re.search(r"^apache-airflow==(\S+)", (repository / "requirements.txt").read_text(), re.MULTILINE)
    assert airflow is not None
    assert f"FROM apache/airflow:{airflow[1]}-python3.11\n" in dockerfile
    assert f"dealer-exchange-airflow:{airflow[1]}" in images
    assert "--require-hashes" in dockerfile


def test_the_image_gets_what_it_copies_and_nothing_else(repository: Path) -> None:
    lines = re.findall(r"^COPY (?:--\S+ )*(.+) \S+$", (repository / "Dockerfile").read_text(), re.MULTILINE)
    copied = {path for line in lines for path in line.split()}
    ignored = (repository / ".dockerignore").read_text().splitlines()
    allowed = {line[1:].rstrip("/") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert {path.split("/")[0] for path in copied} == allowed
    assert all((repository / path).exists() for path in copied)
    assert {"docker/prepare.sh", "docker/pools.py"} <= copied, "prepare.sh calls the other"


def test_ports_are_open_to_this_machine_only_by_default(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {
        "api-server": ["${BIND_ADDRESS:-127.0.0.1}:${AIRFLOW_PORT:-8080}:8080"],
        "heartbeat": ["${BIND_ADDRESS:-127.0.0.1}:${HEARTBEAT_PORT:-8978}:8978"],
    }


def test_connections_are_json_once_filled_in_and_every_partner_has_one(compose: dict[str, Any]) -> None:
    values = {
        f"{partner.upper()}_SFTP_{name}": value
        for partner in PARTNERS
        for name, value in (("PRIVATE_KEY", r"-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n"), ("PORT", "2222"))
    }
    environment = compose["services"]["worker"]["environment"]
    connections = {
        name: json.loads(VARIABLE.sub(lambda match: values.get(match[1], match[1].lower()), value))
        for name, value in environment.items()
        if name.startswith("AIRFLOW_CONN_")
    }
    partners = {f"AIRFLOW_CONN_{partner.upper()}_SFTP": partner for partner in PARTNERS}
    assert connections.keys() == {"AIRFLOW_CONN_DMS", "AIRFLOW_CONN_LEDGER", *partners}
    for name, partner in partners.items():
        connection = connections[name]
        assert (connection["host"], connection["port"]) == (f"{partner}_sftp_host", 2222)
        assert connection["extra"]["private_key"].splitlines()[1] == "AAAA"
        assert connection["extra"]["host_key"] == f"{partner}_sftp_host_key"


def test_containers_get_the_pools_that_the_local_system_has(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, repository / "docker" / "pools.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {name: (pool["slots"], pool["description"]) for name, pool in json.loads(done.stdout).items()}
    assert found == POOLS
    assert not any(pool["include_deferred"] for pool in json.loads(done.stdout).values())


def test_every_airflow_setting_exists_in_this_airflow(compose: dict[str, Any], tmp_path: Path) -> None:
    import airflow
    from airflow.providers.celery import get_provider_info

    known = yaml.safe_load((Path(airflow.__file__).parent / "config_templates" / "config.yml").read_text())
    known = {**known, **get_provider_info.get_provider_info()["config"]}  # type: ignore[no-untyped-call]
    local = airflow_environment(Settings(tmp_path), port=8080, connections={})
    names = {name for name in (*compose["services"]["worker"]["environment"], *local) if name.startswith("AIRFLOW__")}
    assert len(names) > 25
    for name in names:
        _, section, option = name.split("__")
        assert option.lower() in known.get(section.lower(), {}).get("options", {}), f"Airflow would not read {name}"


def test_the_databases_script_gives_each_owner_its_own_database(repository: Path, tmp_path: Path) -> None:
    # A server of its own: roles are the whole server's, and another test may have made them already.
    with running_postgres(tmp_path / "postgres", durable=False) as postgres:
        environment = {
            "PATH": f"{binary('psql').parent}:{os.environ['PATH']}",
            "PGHOST": str(postgres.socket_dir),
            "HOME": str(tmp_path),
            "POSTGRES_USER": "postgres",
            **{f"{role.upper()}_DB_PASSWORD": f"it's {role}" for role in ("airflow", "dms", "ledger")},
        }
        subprocess.run([repository / "docker" / "databases.sh"], env=environment, check=True)
        for name in ("dms", "ledger"):
            migrate(name, f"host={postgres.socket_dir} user={name} dbname={name}")  # as its owner, no superuser
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(f"host={postgres.socket_dir} user=dms dbname=ledger")
