"""``make clean``: stop a running ``make run``, end what a killed one left, and remove the run folder."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time

from local.instance import only_instance, running_pid
from local.settings import Settings, SettingsError

STOP_SECONDS = 60.0


def main() -> int:
    """0 once the folder is gone; 1 with the reason if ``make run`` does not stop."""
    settings = Settings.from_environment()
    if not settings.run_dir.exists():
        return 0
    pid = running_pid(settings.run_dir)
    if pid is not None:
        print(f"· stopping make run (process {pid})", flush=True)
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while True:
        try:
            with only_instance(settings.run_dir):  # which ends what was left over
                shutil.rmtree(settings.run_dir)
                return 0
        except SettingsError as error:
            if time.monotonic() > deadline:
                sys.stderr.write(f"make clean: {error}\n")
                return 1
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
