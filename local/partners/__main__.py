"""``python -m local.partners serve [--config FILE] [--root DIR] [--port N]``: the sample partners until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import sys
import threading
from pathlib import Path
from signal import SIGTERM

from local.partners.server import SAMPLE_ROOT, AlreadyRunningError, ServerConfig, folders_of_partners, serve


def main(arguments: list[str] | None = None) -> int:
    """Exit 0 after a clean stop, 2 with one sentence if the server cannot start."""
    parser = argparse.ArgumentParser(prog="python -m local.partners")
    serving = parser.add_subparsers(dest="command", required=True).add_parser("serve", help="serve until stopped")
    serving.add_argument(
        "--config", type=Path, help="JSON: partners, root, port, behaviour (default: the contracts' partners)"
    )
    serving.add_argument("--root", type=Path, help="folder of the homes (default: the config's, or .run/partners)")
    serving.add_argument("--port", type=int, help="0 takes any free port (default: the config's, or 0)")
    serving.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input closes")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    if options.stop_with_stdin:
        threading.Thread(target=_stop_when_stdin_closes, daemon=True).start()
    try:
        if options.config is None:
            config = ServerConfig(options.root or SAMPLE_ROOT, folders_of_partners(), options.port or 0)
        else:
            config = ServerConfig.read(options.config, root=options.root, port=options.port)
        asyncio.run(serve(config))
    except (AlreadyRunningError, ValueError, KeyError, FileNotFoundError) as error:
        sys.stderr.write(f"sample partners: {error}\n")
        return 2
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.stderr.write(f"sample partners: port {config.port} is taken; choose another with --port, or --port 0\n")
        return 2
    return 0


def _stop_when_stdin_closes() -> None:
    # The bare descriptor: a thread inside sys.stdin's lock would break the interpreter's exit.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
