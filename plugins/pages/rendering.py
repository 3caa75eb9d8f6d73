"""Templates, and how times, sizes and states are written in them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.templating import Jinja2Templates

TEMPLATES = Jinja2Templates(Path(__file__).parent / "templates")
# What a state means for who looks at it: good, on its way, waiting for a person, over.
TONES = {
    **dict.fromkeys(("ACKNOWLEDGED", "ACKED", "SENT", "PUBLISHED", "IMPORTED", "REMOVED", "KEPT", "APPLIED"), "good"),
    **dict.fromkeys(("LATE", "MISSING", "HELD", "UNKNOWN", "REJECTED"), "bad"),
    **dict.fromkeys(("PROPOSED", "WITHHELD", "PAUSED"), "wait"),
}


def instant(at: datetime | None) -> str:
    """An instant as people on call in several countries read it: UTC, to the second."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def size(count: int | None) -> str:
    """Bytes in the unit that leaves three digits at most."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def number(count: int | None) -> str:
    """A count with its thousands apart."""
    return "" if count is None else f"{count:,}"


def money(amount: Decimal) -> str:
    """An amount with its thousands apart and two decimals."""
    return f"{amount:,.2f}"


def words(state: str) -> str:
    """A state as a word of a sentence: UNDER_WAY is ``under way``."""
    return state.replace("_", " ").lower()


def query(told: dict[str, Any], **other: Any) -> str:
    """The address of the same page with other choices; what is None is left out."""
    return urlencode({name: value for name, value in {**told, **other}.items() if value not in (None, "")})


def run_address(dag_id: str, run_id: str) -> str:
    """Where Airflow shows a run."""
    return f"/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


TEMPLATES.env.filters.update(instant=instant, size=size, number=number, money=money, words=words)
TEMPLATES.env.globals.update(tone=lambda state: TONES.get(state, "plain"), query=query, run_address=run_address)
