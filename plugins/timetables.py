"""When interfaces run. Light: the scheduler and every DAG file load this."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any

from airflow.timetables.interval import CronDataIntervalTimetable

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable


class BusinessDayTimetable(CronDataIntervalTimetable):
    """
    One run per calendar day; it starts at ``deliver_at`` on the morning after.

    The run's data interval *is* the business day, local midnight to local midnight, so 23 or 25 hours long when summer
    time begins or ends. The wait until ``deliver_at`` lets transactions commit that were posted just before midnight.

    :param timezone: IANA name of the zone whose midnights bound the day.
    :param deliver_at: local time of day, as ``HH:MM``.
    """

    def __init__(self, timezone: str, deliver_at: str) -> None:
        super().__init__("0 0 * * *", timezone)
        self._zone_name = timezone
        self._deliver_at = time.fromisoformat(deliver_at)
        self.description = f"Each business day ({timezone}), at {deliver_at} on the morning after"

    @property
    def summary(self) -> str:
        """Shown in the list of DAGs."""
        return f"daily at {self._deliver_at:%H:%M} {self._zone_name}"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        info = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        if info is None or info.data_interval is None:
            return info
        morning = info.data_interval.end.in_timezone(self._zone_name).at(self._deliver_at.hour, self._deliver_at.minute)
        return info._replace(run_after=morning.in_timezone("UTC"))

    def serialize(self) -> dict[str, Any]:
        return {"timezone": self._zone_name, "deliver_at": f"{self._deliver_at:%H:%M}"}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        return cls(data["timezone"], data["deliver_at"])
