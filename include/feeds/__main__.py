"""``python -m include.feeds``: see include/feeds/cli.py."""

from __future__ import annotations

import sys

from include.feeds.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
