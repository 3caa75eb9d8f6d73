"""`make airflow ARGS="backfill create …"`: Airflow's own command line, in the environment of the running `make run`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from local.instance import running_address
from local.partners.process import airflow_connections
from local.settings import REPOSITORY, Settings, airflow_environment


def main(arguments: list[str]) -> int:
    """Run `airflow <arguments>` and return its exit code; without a running system say how to start it."""
    settings = Settings.from_environment()
    address = running_address(settings.run_dir)
    if address is None:
        sys.stderr.write("make airflow: nothing runs; start the system with `make run` and call this beside it\n")
        return 1
    port = urlsplit(address).port
    assert port is not None
    environment = airflow_environment(settings, port=port, connections=airflow_connections(settings.partners))
    # Beside our interpreter, since the person's PATH may name another Airflow.
    program = Path(sys.executable).with_name("airflow")
    return subprocess.run([program, *arguments], env=environment, cwd=REPOSITORY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
