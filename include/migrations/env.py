"""Alembic's entry point for every environment; ``run.py`` hands over the connection and the schema.

There is no offline mode and no ``alembic.ini``: a migration runs through
``python -m include.migrations.run``, which holds the lock that makes two at once safe.
"""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_version",
    version_table_schema=context.config.attributes["schema"],
)
# One transaction for the whole upgrade: PostgreSQL rolls DDL back, so a failure leaves the old schema whole.
with context.begin_transaction():
    context.run_migrations()
