"""
The role whose holders may see personal data on our pages: made once, by whoever prepares the installation.

Airflow's own command gives a role only rights over things that it knows already; this one is ours.
"""

from __future__ import annotations

import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

PERSONAL_DATA = "Exchange personal data"
"""The custom view that plugins/pages/access.py asks for, and the name of the role that may read it."""


def main() -> int:
    """Make the role with its one right; nothing happens if it is there."""
    with get_application_builder() as builder:
        security = builder.sm
        role = security.find_role(PERSONAL_DATA) or security.add_role(PERSONAL_DATA)
        permission = security.create_permission("can_read", PERSONAL_DATA)
        if permission not in role.permissions:
            security.add_permission_to_role(role, permission)
    return 0


if __name__ == "__main__":
    sys.exit(main())
