"""
Leases on a file: who may have an effect on the partner's side right now.

A lease is a token that only grows, and an end by the database's clock. An attempt that was declared dead but still
lives finds a larger token, or its own expired, when it asks before its next effect.
"""

from __future__ import annotations

from include.ledger.errors import LedgerError
from include.ledger.files import Files
from include.ledger.preconditions import locked_file, require_lease, require_no_lease


class Leases(Files):
    """Taking, keeping and giving back the lease of one file."""

    def take_lease(self, file_id: int, *, seconds: float) -> int:
        """
        Take the file's lease for ``seconds`` and return its token, larger than every token before it.

        :raises LeaseHeldError: while somebody's lease has not expired; names holder and expiry.
        """
        _require_positive(seconds)
        with self.transaction() as cursor:
            row = locked_file(cursor, file_id)
            require_no_lease(cursor, row)
            cursor.execute(
                """
                UPDATE ledger.file SET lease_token = nextval('ledger.lease_token'), lease_holder = %(actor)s,
                    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
                WHERE id = %(id)s RETURNING lease_token
                """,
                {"id": file_id, "actor": self.actor, "seconds": seconds},
            )
            taken = cursor.fetchone()
            assert taken is not None
            token = int(taken["lease_token"])
            self._record(
                cursor,
                file_id,
                "LEASE",
                detail={"token": token, "seconds": seconds, "expired_holder": row.lease_holder},
            )
            return token

    def renew_lease(self, file_id: int, token: int, *, seconds: float) -> None:
        """
        Let the lease end ``seconds`` from now.

        :raises LeaseLostError: if it has expired, was released, or a newer attempt holds it.
        """
        _require_positive(seconds)
        with self.transaction() as cursor:
            require_lease(cursor, locked_file(cursor, file_id), token)
            cursor.execute(
                "UPDATE ledger.file SET lease_until = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
                [seconds, file_id],
            )

    def assert_lease(self, file_id: int, token: int) -> None:
        """
        Return if ``token`` is the file's lease now.

        :raises LeaseLostError: if it has expired, was released, or a newer attempt holds it.
        """
        with self.transaction() as cursor:
            require_lease(cursor, locked_file(cursor, file_id), token)

    def release_lease(self, file_id: int, token: int) -> None:
        """Give the lease back so that the next attempt need not wait; a lease that is lost already is left alone."""
        with self.transaction() as cursor:
            cursor.execute(
                "UPDATE ledger.file SET lease_holder = NULL, lease_until = NULL WHERE id = %s AND lease_token = %s",
                [file_id, token],
            )


def _require_positive(seconds: float) -> None:
    if not seconds > 0:
        raise LedgerError(f"a lease of {seconds} s would have ended already; give seconds > 0")
