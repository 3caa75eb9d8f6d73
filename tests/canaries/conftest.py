"""The worlds of the whole DAG runs, for runs over planted values."""

from __future__ import annotations

from tests.dags.conftest import airflow_with_pools, make_airflow_world

__all__ = ["airflow_with_pools", "make_airflow_world"]
