"""When interfaces run. Light: the scheduler and every DAG file load this."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

from include.working_days import nth_working_day

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
    from pendulum import DateTime

# By how much the clocks of our periods are at most ahead of those that people give ranges by: Paris in summer and UTC.
HOURS_AHEAD = 2


class _PeriodTimetable(CronDataIntervalTimetable):
    """
    One run per calendar period, which is its data interval: local midnight to local midnight.

    The run waits after the period's end, until ``deliver_at`` on the day that ``_delivery_day`` gives. Airflow's own
    timetable knows no such wait, so its answers are given anew where they matter: without catching up, and for a run by
    hand that names no period, the last one counts that was *due*. One that has ended and is not due goes early only if
    a person names it, and an outage does not swallow one that was due while the next one waits.

    :param cron: the midnights that bound the periods.
    :param timezone: IANA name of the zone whose midnights they are.
    :param deliver_at: local time of day, as ``HH:MM``.
    """

    def __init__(self, cron: str, timezone: str, deliver_at: str) -> None:
        super().__init__(cron, timezone)
        self._zone_name = timezone
        self._deliver_at = time.fromisoformat(deliver_at)

    def _delivery_day(self, end: DateTime) -> date:
        """Local day on which the run of the period that ended at local midnight ``end`` starts."""
        raise NotImplementedError

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        info = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=self._of_days(restriction)
        )
        if info is None or info.data_interval is None:
            return info
        return info._replace(run_after=self._due(info.data_interval))

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        interval = super().infer_manual_data_interval(run_after=run_after)
        if self._due(interval) <= run_after:
            return interval
        return super().infer_manual_data_interval(run_after=interval.start)

    def _skip_to_latest(self, earliest: DateTime | None) -> DateTime:
        start = self.infer_manual_data_interval(run_after=pendulum.now("UTC")).start
        return start if earliest is None else max(start, self._align_to_next(earliest))

    def _due(self, interval: DataInterval) -> DateTime:
        end = interval.end.in_timezone(self._zone_name)
        day = self._delivery_day(end)
        due = end.set(
            year=day.year,
            month=day.month,
            day=day.day,
            hour=self._deliver_at.hour,
            minute=self._deliver_at.minute,
        )
        return due.in_timezone("UTC")

    def _of_days(self, restriction: TimeRestriction) -> TimeRestriction:
        """
        Read a range of instants as the range of days that a person meant.

        The command line makes midnight UTC of a plain date, the UI midnight by the person's clock; in Paris both are an
        hour or two into the day, and "from 1 August" would silently leave August out. 23:59 by those clocks is past
        midnight here, and "to 30 September, 23:59" would bring October in.
        """
        earliest, latest = restriction.earliest, restriction.latest
        if earliest is not None:
            earliest = self._midnight_meant(earliest).in_timezone(self._zone_name).start_of("day")
        if latest is not None:
            latest = latest.subtract(hours=HOURS_AHEAD) if latest.minute else self._midnight_meant(latest)
        return restriction._replace(earliest=earliest, latest=latest)

    def _midnight_meant(self, bound: DateTime) -> DateTime:
        """Read midnight UTC, which is what a plain date becomes, as midnight here; leave any other instant as it is."""
        said = bound.in_timezone("UTC")
        return said.set(tz=self._zone_name) if said.time() == time.min else bound


class BusinessDayTimetable(_PeriodTimetable):
    """
    One run per calendar day; it starts at ``deliver_at`` on the morning after.

    The run's data interval *is* the business day, local midnight to local midnight, so 23 or 25 hours long when summer
    time begins or ends. The wait until ``deliver_at`` lets transactions commit that were posted just before midnight.

    :param timezone: IANA name of the zone whose midnights bound the day.
    :param deliver_at: local time of day, as ``HH:MM``.
    """

    def __init__(self, timezone: str, deliver_at: str) -> None:
        super().__init__("0 0 * * *", timezone, deliver_at)
        self.description = f"Each business day ({timezone}), at {deliver_at} on the morning after"

    @property
    def summary(self) -> str:
        """Shown in the list of DAGs."""
        return f"daily at {self._deliver_at:%H:%M} {self._zone_name}"

    def _delivery_day(self, end: DateTime) -> date:
        return end.date()

    def serialize(self) -> dict[str, Any]:
        return {"timezone": self._zone_name, "deliver_at": f"{self._deliver_at:%H:%M}"}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        return cls(data["timezone"], data["deliver_at"])


class WorkingDayOfMonthTimetable(_PeriodTimetable):
    """
    One run per calendar month; it starts at ``deliver_at`` on a working day of the month after.

    The run's data interval *is* the calendar month, local midnight of the 1st to local midnight of the next 1st. The
    wait gives dealers the first working days to post what belongs to the month that ended.

    :param timezone: IANA name of the zone whose midnights bound the month.
    :param country: whose public holidays are no working days (ISO 3166, two letters).
    :param working_day: on which working day of the following month, counted from 1.
    :param deliver_at: local time of day, as ``HH:MM``.
    """

    def __init__(self, timezone: str, country: str, working_day: int, deliver_at: str) -> None:
        super().__init__("0 0 1 * *", timezone, deliver_at)
        self._country = country
        self._working_day = working_day
        self.description = (
            f"Each calendar month ({timezone}), at {deliver_at} on working day {working_day} of the month after; "
            f"working days are Monday to Friday without the public holidays of {country}"
        )

    @property
    def summary(self) -> str:
        """Shown in the list of DAGs."""
        when = f"working day {self._working_day} ({self._country})"
        return f"monthly on {when} at {self._deliver_at:%H:%M} {self._zone_name}"

    def _delivery_day(self, end: DateTime) -> date:
        return nth_working_day(end.year, end.month, self._working_day, self._country)

    def serialize(self) -> dict[str, Any]:
        return {
            "timezone": self._zone_name,
            "country": self._country,
            "working_day": self._working_day,
            "deliver_at": f"{self._deliver_at:%H:%M}",
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Timetable:
        return cls(data["timezone"], data["country"], data["working_day"], data["deliver_at"])
