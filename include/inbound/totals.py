"""
A file that is whole or nothing: its header record adds up its lines, and not one of them may be missing.

Only with a ``headerTotals`` rule in the contract. No release by a person could make such a file right, so that it is
refused and not held.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from include.checks import header_totals
from include.inbound.refusals import Code, FileRefused

if TYPE_CHECKING:
    from include.contract import Rule
    from include.inbound.judge import Judged

ASK = "nothing of it counts. Ask the partner for the file again"
NAMED_LINES = 5


class HeaderTotals:
    """
    Adds up the records of one file, piece by piece, and says at its end whether they are what its header says.

    :param rule: the contract's ``headerTotals``.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._headers: list[dict[str, str]] = []
        self._documents: set[tuple[str | None, ...]] = set()
        self._of: Counter[tuple[str | None, ...]] = Counter()
        self._sums = dict.fromkeys(rule.arguments["totals"], Decimal("0.00"))
        self._rejected: list[int] = []
        self._reasons: Counter[str] = Counter()

    def add(self, part: Judged) -> None:
        """Take the records of one more piece."""
        import polars as pl

        named = self._rule.arguments
        self._rejected += part.rejected["line"].to_list()
        self._reasons.update(reason for reasons in part.rejected["reasons"].to_list() for reason in reasons)
        is_header = pl.col(named["property"]) == named["header"]
        headers, lines = part.accepted.filter(is_header), part.accepted.filter(~is_header)
        self._headers += headers.select(named["count"], *named["totals"]).to_dicts()
        self._documents.update(headers.select(named["same"]).iter_rows())
        for *document, count in lines.group_by(named["same"]).len().iter_rows():
            self._of[tuple(document)] += count
        sums = lines.select(pl.col(named["totals"]).cast(pl.Decimal(38, 2)).sum())
        for name in self._sums:
            self._sums[name] += sums[name][0]

    def require(self) -> None:
        """
        Hold the file to its header.

        :raises FileRefused: ``ROWS``, ``HEADER_RECORD``, ``TOTALS``; the message names lines, reasons and sums.
        """
        if self._rejected:
            lines = ", ".join(map(str, self._rejected[:NAMED_LINES])) + (", …" if self._rejected[NAMED_LINES:] else "")
            reasons = ", ".join(f"{count} of {reason}" for reason, count in self._reasons.most_common(3))
            raise FileRefused(
                "ROWS",
                f"{len(self._rejected)} of its records cannot be taken (line {lines}; most often {reasons}), so its "
                f"totals are not to be trusted, and {ASK}",
                line=self._rejected[0],
            )
        strangers = sum(count for document, count in self._of.items() if document not in self._documents)
        verdict = header_totals(
            self._rule, headers=self._headers, lines=self._of.total(), sums=self._sums, strangers=strangers
        )
        if not verdict.passed:
            code: Code = "TOTALS" if len(self._headers) == 1 else "HEADER_RECORD"
            raise FileRefused(code, f"it has {verdict.observed}; wanted is {verdict.allowed}. So {ASK}")
