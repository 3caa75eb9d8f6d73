"""A feed: one dealer's files of one interface at one partner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from include.feeds.pattern import compiled
from include.ledger import InboundFeedRow


@dataclass(frozen=True)
class Feed(InboundFeedRow):
    """
    A feed as the ledger has it, able to say which names are its own.

    ``directory`` is relative to the partner's home, without ``.`` and ``..``. ``encoding`` is a codec of Python,
    ``date_format`` what strptime reads. ``dealer`` is a label of ours, never taken from a file.
    """

    @classmethod
    def of(cls, row: InboundFeedRow) -> Self:
        """The feed of a row of the ledger."""
        return cls(**vars(row))

    def matches(self, name: str) -> bool:
        """Whether ``name``, without its directory, is one of this feed's files; include/feeds/pattern.py says how."""
        return compiled(self.pattern).search(name) is not None
