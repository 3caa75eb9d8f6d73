"""``python -m include.warranty``: see include/warranty/cli.py."""

from __future__ import annotations

import sys

from include.warranty.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
