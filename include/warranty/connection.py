"""One transaction of the warranty books: nobody else posts meanwhile, and errors quote no values of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg2.extensions import cursor

from include.crm import connection
from include.crm.arrival import CrmError, CrmUnavailableError

_LOCK: Final = 1464947017
"""Of all dealers at once: a payment file is of several, and each of its lines may move money of an earlier one."""


class WarrantyError(Exception):
    """Something was not done in the warranty books; says what, and what to do next. No value of a row stands in it."""


class PaymentRefusedError(WarrantyError):
    """A payment that can never be posted as it is, however often it is tried; the manufacturer has to be asked."""


class WarrantyUnavailableError(WarrantyError):
    """The database did not answer, or somebody else has it; nothing is wrong with what was asked: ask again later."""


@contextmanager
def transaction(dsn: str, doing: str) -> Iterator[cursor]:
    """
    Yield a cursor under the lock of the books; all of it is committed when the block ends, or nothing.

    :param doing: what is being done, for the message, e.g. ``posting of payment X``.
    :raises WarrantyUnavailableError: if the database did not answer, or is busy with another.
    :raises WarrantyError: for whatever else the database says.
    """
    with reading(dsn, doing) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        yield cur


@contextmanager
def reading(dsn: str, doing: str) -> Iterator[cursor]:
    """Yield a cursor of a transaction that changes nothing, and so waits for nobody; errors as of ``transaction``."""
    try:
        with connection.transaction(dsn, doing) as cur:
            cur.execute("SET LOCAL application_name TO 'warranty'")
            yield cur
    except CrmUnavailableError as error:
        raise WarrantyUnavailableError(str(error)) from None
    except CrmError as error:
        raise WarrantyError(str(error)) from None
