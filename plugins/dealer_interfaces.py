"""The Airflow plugin of this repository: the only file under plugins/ that Airflow's plugin loader executes."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from plugins.pages.lazy import LazyPages
from plugins.timetables import BusinessDayTimetable, WorkingDayOfMonthTimetable

PREFIX = "/exchange"


def _page(name: str, path: str, route: str, destination: str = "nav") -> dict[str, Any]:
    return {"name": name, "href": f"{PREFIX}{path}", "destination": destination, "url_route": route}


class DealerInterfacesPlugin(AirflowPlugin):
    """Registers what Airflow must know by name."""

    name = "dealer_interfaces"
    timetables = [BusinessDayTimetable, WorkingDayOfMonthTimetable]  # noqa: RUF012 - Airflow reads a plain list
    fastapi_apps = [{"app": LazyPages(), "url_prefix": PREFIX, "name": "dealer interfaces"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        _page("Interfaces", "/", "interfaces"),
        _page("Notices", "/notices", "notices"),
        _page("Files out", "/files", "files-out"),
        _page("Files in", "/arrivals", "files-in"),
        _page("Rejected rows", "/rejected", "rejected-rows"),
        _page("Contacts", "/contacts", "contacts"),
        _page("Feeds", "/feeds", "feeds-in"),
        _page("Warranty", "/warranty", "warranty"),
        _page("Quality", "/quality", "quality"),
        _page("Catalogue", "/catalogue", "catalogue"),
        _page("Files", "/of/{DAG_ID}", "exchange-files", "dag"),
        _page("Files", "/runs/{DAG_ID}/{RUN_ID}", "exchange-run", "dag_run"),
        _page("Files", "/runs/{DAG_ID}/{RUN_ID}", "exchange-task", "task_instance"),
    ]
