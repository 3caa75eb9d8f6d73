"""``python3.11 local/environment.py``: make ``.venv`` from requirements.txt, or see in no time that it is made.

Runs before anything is installed, so only on the standard library. pip installs nothing but the pinned uv, by hash; uv
installs the rest in seconds where pip takes minutes, and compiles it: importing Airflow costs 9 s of CPU without
bytecode and 4 s with, Great Expectations 18 s and 7 s. Nothing is written outside the repository.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"
# Last thing to be written: an environment without it is half made.
STAMP = VENV / "made-from"
PYTHON = VENV / "bin" / "python"


class EnvironmentNotMadeError(Exception):
    """One of the steps failed; says which, and what to do."""


def main() -> int:
    if sys.version_info[:2] != (3, 11):
        sys.stderr.write(f"make: Python 3.11 is needed, this is {sys.version.split()[0]}\n")
        return 1
    if _is_made():
        return 0
    (ROOT / ".run").mkdir(mode=0o700, exist_ok=True)
    with (ROOT / ".run" / "environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_made():  # by whoever we waited for
            return 0
        try:
            _make()
        except EnvironmentNotMadeError as error:
            sys.stderr.write(f"make: {error}\n")
            return 1
    return 0


def _is_made() -> bool:
    try:
        return STAMP.read_text() == _wanted() and PYTHON.exists()
    except FileNotFoundError:
        return False


def _wanted() -> str:
    return f"{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()} {sys.version_info[:3]} {VENV}\n"


def _make() -> None:
    started = time.monotonic()
    sys.stderr.write("· making the environment in .venv from requirements.txt (once, about a minute)\n")
    if not STAMP.exists() or not _works():
        # Never finished, or its Python is gone. A repair could not tell a whole package from half a one.
        shutil.rmtree(VENV, ignore_errors=True)
        _run(
            "making .venv",
            [sys.executable, "-m", "venv", str(VENV)],
            "Python's venv module is needed; on Debian and Ubuntu: apt install python3.11-venv",
        )
    STAMP.unlink(missing_ok=True)
    network = "is the package index reachable? (pip's and uv's own settings and UV_INDEX_URL are respected)"
    pinned = _pinned_uv()
    if _version_of_uv() not in pinned:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", dir=VENV) as file:
            file.write(pinned)
            file.flush()
            pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "install", "--quiet"]
            _run("installing uv", [*pip, "--require-hashes", "--only-binary=:all:", "-r", file.name], network)
    # Beside the target, so that uv can link instead of copying; its own default is in the home folder.
    cache = VENV / "uv-cache"
    uv = [str(VENV / "bin" / "uv"), "pip", "sync", "--quiet", "--python", str(PYTHON), "--compile-bytecode"]
    _run("installing requirements.txt", [*uv, "--require-hashes", str(REQUIREMENTS)], network, UV_CACHE_DIR=cache)
    shutil.rmtree(cache, ignore_errors=True)
    new = STAMP.with_suffix(".new")
    new.write_text(_wanted())
    new.replace(STAMP)
    sys.stderr.write(f"  made in {time.monotonic() - started:.0f} s\n")


def _works() -> bool:
    command = [str(PYTHON), "-c", "import sys; print(*sys.version_info[:3])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.split() == [str(part) for part in sys.version_info[:3]]


def _pinned_uv() -> str:
    """The lines of requirements.txt that pin uv and its hashes."""
    found = re.search(r"^uv==\S+ \\\n(?:    --hash=.*\n)+", REQUIREMENTS.read_text(), re.MULTILINE)
    if found is None:
        raise EnvironmentNotMadeError("requirements.txt pins no uv; put it into requirements.in and run: make lock")
    return found.group().rstrip("\\\n") + "\n"


def _version_of_uv() -> str:
    """``==<version> `` of the uv that is installed, or something that no pin contains."""
    try:
        done = subprocess.run([str(VENV / "bin" / "uv"), "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return "none"
    return f"uv=={done.stdout.split()[1]} " if done.returncode == 0 else "none"


def _run(what: str, command: list[str], hint: str, **more: Path) -> None:
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    # Whoever sets these has a reason: a cache shared by many checkouts, a mirror.
    preset = {name: str(value) for name, value in more.items()} | {"UV_NO_PROGRESS": "1"}
    if _system_has_certificates():
        # As pip does: a company's own proxy or index is trusted by the machine, not by the list inside uv.
        preset["UV_SYSTEM_CERTS"] = "1"
    environment = {**preset, **environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        raise EnvironmentNotMadeError(f"{what} failed (see above); {hint}. Then run make again, it begins anew")


def _system_has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return paths.cafile is not None or (paths.capath is not None and any(Path(paths.capath).iterdir()))


if __name__ == "__main__":
    sys.exit(main())
