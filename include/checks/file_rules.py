"""
Rules about a whole file: how many rejected rows it bears, whether it is as long as on other such weekdays, and whether
its header adds up its lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Literal

from include.contract import Rule, Severity

# Makes the median absolute deviation of normally distributed counts comparable with a standard deviation.
MAD_SCALE = Decimal("1.4826")
Status = Literal["pass", "fail", "learning"]


@dataclass(frozen=True)
class FileVerdict:
    """What a rule says of a file: ``observed`` and ``allowed`` are short sentences for a report, without values."""

    rule: str
    severity: Severity
    status: Status
    observed: str
    allowed: str

    @property
    def passed(self) -> bool:
        """True unless the rule is broken; a rule that is still learning accuses nobody."""
        return self.status != "fail"

    @property
    def holds(self) -> bool:
        """True if the file must wait for a person."""
        return self.status == "fail" and self.severity == "error"


def rejected_rows(rule: Rule, *, rows: int, rejected: int) -> FileVerdict:
    """
    Hold a file when more than ``percent`` of ``rows`` and more than ``rows`` of them were rejected.

    ``rows`` counts accepted and rejected rows; withheld ones are nobody's fault and would hide a bad file.
    """
    percent, few = Decimal(str(rule.arguments["percent"])), int(rule.arguments["rows"])
    too_many = rejected > few and rejected * 100 > percent * rows
    share = Decimal(rejected * 100) / rows if rows else Decimal(0)
    return FileVerdict(
        rule.id,
        rule.severity,
        "fail" if too_many else "pass",
        f"{rejected} of {rows} rows rejected ({share:.1f} %)",
        f"at most {percent} % or {few} rows",
    )


def same_weekday_volume(rule: Rule, *, rows: int, history: Sequence[int]) -> FileVerdict:
    """
    Compare ``rows`` with the counts of the same weekday in the weeks before, latest first.

    The range is the median, plus or minus ``deviations`` scaled median absolute deviations, and never tighter than
    ``floorPercent`` of the median or ``floorRows``. Below ``minimumHistory`` counts the status is ``learning``.
    """
    named = rule.arguments
    seen = list(history)[: int(named["weeks"])]
    if len(seen) < int(named["minimumHistory"]):
        return FileVerdict(
            rule.id,
            rule.severity,
            "learning",
            f"{rows} rows",
            f"not known yet: {len(seen)} of {named['minimumHistory']} such weekdays",
        )
    middle = Decimal(str(median(seen)))
    spread = Decimal(str(median([abs(Decimal(count) - middle) for count in seen]))) * MAD_SCALE
    room = max(
        Decimal(str(named["deviations"])) * spread,
        middle * Decimal(str(named["floorPercent"])) / 100,
        Decimal(str(named["floorRows"])),
    )
    low, high = max(Decimal(0), middle - room), middle + room
    return FileVerdict(
        rule.id,
        rule.severity,
        "pass" if low <= rows <= high else "fail",
        f"{rows} rows",
        f"{low:.0f} to {high:.0f} rows (median {middle:.0f} of {len(seen)} such weekdays)",
    )


def header_totals(
    rule: Rule, *, headers: Sequence[Mapping[str, str]], lines: int, sums: Mapping[str, Decimal], strangers: int
) -> FileVerdict:
    """
    Compare what the one header record of a file says with its line records.

    :param headers: of each header record the count and the totals, as plain numbers in text.
    :param sums: of the lines, for each column of ``totals``; :param strangers: lines of another document.
    """
    named = rule.arguments
    wanted = "one header record, which counts and adds up the lines of its document"
    if len(headers) != 1:
        return FileVerdict(rule.id, rule.severity, "fail", f"{len(headers)} header records", wanted)
    (header,) = headers
    wrong = [
        f"{name}: header {header[name]}, lines {total}"
        for name, total in sums.items()
        if Decimal(header[name]) != total
    ]
    if int(header[named["count"]]) != lines:
        wrong.insert(0, f"{named['count']}: header {header[named['count']]}, lines {lines}")
    if strangers:
        wrong.append(f"{strangers} lines with another {' or '.join(named['same'])}")
    return FileVerdict(rule.id, rule.severity, "fail" if wrong else "pass", "; ".join(wrong) or "all equal", wanted)


FILE_RULES: Mapping[str, Callable[..., FileVerdict]] = {
    "rejectedRows": rejected_rows,
    "sameWeekdayVolume": same_weekday_volume,
    "headerTotals": header_totals,
}
