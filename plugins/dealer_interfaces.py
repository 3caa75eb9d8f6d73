"""The Airflow plugin of this repository: the only file under plugins/ that Airflow's plugin loader executes."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from plugins.timetables import BusinessDayTimetable, WorkingDayOfMonthTimetable


class DealerInterfacesPlugin(AirflowPlugin):
    """Registers what Airflow must know by name."""

    name = "dealer_interfaces"
    timetables = [BusinessDayTimetable, WorkingDayOfMonthTimetable]  # noqa: RUF012 - Airflow reads a plain list
