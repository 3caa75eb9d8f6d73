"""``python -m include.reconcile 2026-10``: see include/reconcile/cli.py."""

from __future__ import annotations

import sys

from include.reconcile.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
