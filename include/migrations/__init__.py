"""Alembic environments of the databases we own: ``dms`` and ``ledger``, one runner for both (``run.py``)."""
