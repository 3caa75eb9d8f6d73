"""What every interface DAG shares. A DAG file may override any of it in plain sight."""

from __future__ import annotations

from datetime import timedelta

ARCHIVE = "{{ var.value.archive_url }}"
STAGING = "{{ var.value.staging_url }}"
REPORTS = "{{ var.value.reports_url }}"
# How long a partner's file must stand still before it is read: longer than the pauses of whoever writes it.
STABLE_SECONDS = "{{ var.value.get('stable_seconds', '60') }}"

# A line that drops mends itself in minutes; what does not is raised as AirflowFailException and not tried again.
DEFAULT_ARGS = {
    "owner": "aftersales-data",
    "retries": 3,
    # A killed attempt's lease on a file ends after two minutes; the second retry comes after that.
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    # The largest delivery measured takes a minute; whatever takes this long has lost its way.
    "execution_timeout": timedelta(hours=1),
}
