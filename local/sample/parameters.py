"""What determines a sample, and the errors of making one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

#: Raised whenever the same parameters give other data, so that a filled database does not pass for the new sample.
GENERATOR = 3


class SampleError(Exception):
    """The sample cannot be made; says what is in the way and what to do."""


@dataclass(frozen=True)
class Parameters:
    """
    Everything that a sample depends on; ``until`` is its last business day.

    ``workshop_only`` makes ``lines`` good workshop lines at ``dealers`` French points of sale and nothing else.
    """

    dealers: int
    days: int
    lines: int
    seed: int
    until: date
    defects: bool = True
    trade_only: bool = False
    dealer_without_number: bool = False
    french: bool = True
    workshop_only: bool = False

    def __post_init__(self) -> None:
        limits = {"dealers": (1, 500), "days": (1, 3660), "lines": (1, 100_000_000), "seed": (0, 2**63 - 1)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SampleError(f"{name}={value}: a sample has between {low:,} and {high:,} {name}")
        if not date(2000, 1, 1) <= self.first_day or not self.until <= date(2099, 12, 31):
            raise SampleError(f"until={self.until}, days={self.days}: the sample's days must lie between 2000 and 2099")
        if self.trade_only and self.workshop_only:
            raise SampleError("trade_only and workshop_only: a benchmark has one kind of line; ask for one of them")

    @property
    def first_day(self) -> date:
        return self.until - timedelta(days=self.days - 1)

    @property
    def plants(self) -> bool:
        """Whether bad data is planted: a benchmark's lines are all good."""
        return self.defects and not self.trade_only and not self.workshop_only

    @property
    def has_french(self) -> bool:
        """Whether there are French points of sale: none beside a benchmark's trade lines."""
        return self.workshop_only or (self.french and not self.trade_only)

    def as_json(self) -> dict[str, Any]:
        """For keeping beside the data, with the generator's version."""
        return {**asdict(self), "until": self.until.isoformat(), "generator": GENERATOR}

    def __str__(self) -> str:
        flags = [
            "" if self.defects else " --no-defects",
            " --trade-only" if self.trade_only else "",
            " --dealer-without-number" if self.dealer_without_number else "",
            "" if self.french else " --no-french",
            " --workshop-only" if self.workshop_only else "",
        ]
        return (
            f"--dealers {self.dealers} --days {self.days} --lines {self.lines} --seed {self.seed} "
            f"--until {self.until}{''.join(flags)}"
        )
