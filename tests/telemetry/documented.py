"""The tables of docs/observability.md, read back."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "observability.md"


def documented_metrics() -> dict[str, str]:
    """Unit by name of each metric."""
    return dict(re.findall(r"^\| `(exchange\.[a-z.]+)` \| [a-z]+ \| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE))


def documented_attributes() -> set[str]:
    return set(re.findall(r"^\| `(exchange\.[a-z.]+)` \| (?!counter|histogram)", PAGE.read_text(), re.MULTILINE))
