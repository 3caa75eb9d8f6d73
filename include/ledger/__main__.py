"""``python -m include.ledger``: see include/ledger/cli.py."""

from __future__ import annotations

import sys

from include.ledger.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
