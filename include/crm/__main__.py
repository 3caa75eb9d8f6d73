"""``python -m include.crm``: see include/crm/cli.py."""

from __future__ import annotations

import sys

from include.crm.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
