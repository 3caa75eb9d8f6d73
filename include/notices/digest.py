"""One message for all that is new: as a mail and as JSON. A name from outside is text in it, and never in a subject."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from include.ledger import NoticeRow
    from include.ledger.notices import Stage

LISTED: Final = 50
"""What is beyond it is counted: a stopped scheduler may make hundreds of files late at once."""
LETTERS: Final = 400


@dataclass(frozen=True)
class Digest:
    """
    What a channel is told in one go: ``opened`` need a person, ``ended`` no longer do.

    ``page`` is the address of the page with all of it.
    """

    opened: Sequence[NoticeRow]
    ended: Sequence[NoticeRow]
    page: str

    @classmethod
    def of(cls, untold: Sequence[NoticeRow], page: str) -> Digest:
        """Return the message about what a channel has not been told."""
        return cls(
            [row for row in untold if row.resolved_at is None], [row for row in untold if row.resolved_at is not None],
            page,
        )  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.opened or self.ended)

    @property
    def told(self) -> Mapping[int, Stage]:
        """What is to be written down once the message has gone, by the notices' numbers."""
        return {**{row.id: "OPENED" for row in self.opened}, **{row.id: "RESOLVED" for row in self.ended}}

    @property
    def key(self) -> str:
        """The same for the same message, so that a receiver can see that it was sent twice."""
        said = ",".join(f"{number}:{stage}" for number, stage in sorted(self.told.items()))
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def subject(self) -> str:
        """How many of what; no name of anything."""
        parts = [f"{len(self.opened)} need a person"] if self.opened else []
        parts += [f"{len(self.ended)} ended"] if self.ended else []
        return f"Dealer exchange: {', '.join(parts)}"

    def html(self) -> str:
        """The message as the body of a mail."""
        parts = []
        if self.opened:
            parts.append(_listed("Needs a person", [row.said for row in self.opened]))
        if self.ended:
            parts.append(_listed("Ended", [f"{row.said} — {row.outcome}" for row in self.ended]))
        page = escape(self.page)
        return f'{"".join(parts)}<p>All of it, and what may be done: <a href="{page}">{page}</a></p>'

    def payload(self) -> dict[str, Any]:
        """The message as JSON; ``text`` is what chat programs show."""
        lines = [self.subject, *(f"• {_short(row.said)}" for row in self.opened[:LISTED])]
        lines += [f"ended: {_short(row.said)} — {_short(row.outcome or '')}" for row in self.ended[:LISTED]]
        if beyond := max(len(self.opened) - LISTED, 0) + max(len(self.ended) - LISTED, 0):
            lines.append(f"and {beyond} more")
        return {
            "text": "\n".join([*lines, self.page]),
            "page": self.page,
            "opened": [_told(row) for row in self.opened],
            "ended": [_told(row) | {"outcome": row.outcome} for row in self.ended],
        }


def _listed(title: str, sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(_short(said))}</li>" for said in sentences[:LISTED])
    beyond = f"<p>and {len(sentences) - LISTED} more</p>" if len(sentences) > LISTED else ""
    return f"<h3>{title}: {len(sentences)}</h3><ul>{items}</ul>{beyond}"


def _told(row: NoticeRow) -> dict[str, Any]:
    return {
        "notice": row.id,
        "kind": row.kind,
        "interface": row.interface,
        "dealer": row.dealer,
        "said": _short(row.said),
        "since": row.opened_at.isoformat(),
    }


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LETTERS else f"{flat[:LETTERS]}…"
