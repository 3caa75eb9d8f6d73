"""The files of one run over one connection: which failure stops the rest, and what the caller hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from include.ledger import LeaseHeldError, LedgerError, LedgerUnavailableError
from include.publish.outcome import Outcome, PublishSettings
from include.publish.protocol import publish_file
from include.sftp import Endpoint, Session, TransferError, TransferLimits, TransientTransferError

if TYPE_CHECKING:
    from include.archive import Archive
    from include.ledger import Ledger


def _unheard(file_id: int, step: str) -> None:
    """Nobody listens to the steps."""


def publish_files(
    endpoint: Endpoint,
    ledger: Ledger,
    archive: Archive,
    file_ids: Sequence[int],
    *,
    remote_dir: str,
    settings: PublishSettings | None = None,
    limits: TransferLimits | None = None,
    on_step: Callable[[int, str], None] = _unheard,
) -> list[Outcome]:
    """
    Publish ``file_ids`` in their order over one connection; return an outcome each, all of them settled.

    A file that fails does not stop the others, unless the failure is the endpoint's own. Whenever a file could not
    be brought to an end, an error comes out after the rest was tried: a transient one if trying again may help, with
    ``outcomes`` (what was done) and a sentence on how many went. Raises ``TransferError`` or ``LedgerError``.
    """
    done: list[Outcome] = []
    failed: list[TransferError | LedgerError] = []
    with ExitStack() as connection:
        try:
            session = connection.enter_context(Session(endpoint, limits))
        except TransferError as error:
            for file_id in file_ids:
                with suppress(LedgerError):
                    ledger.note(file_id, "ATTEMPT_FAILED", {"code": error.code, "error": str(error)})
            raise _told(error, done, file_ids) from error.__cause__
        for file_id in file_ids:
            try:
                done.append(
                    publish_file(
                        session,
                        ledger,
                        file_id,
                        archive,
                        remote_dir=remote_dir,
                        settings=settings,
                        on_step=lambda step, file_id=file_id: on_step(file_id, step),  # type: ignore[misc]
                    )
                )
            except LedgerUnavailableError:
                raise
            except LedgerError as error:
                failed.append(error)
            except TransferError as error:
                if error.endpoint_wide:
                    raise _told(error, done, file_ids) from error.__cause__
                failed.append(error)
    if failed:
        worth_another_try = [each for each in failed if isinstance(each, (TransientTransferError, LeaseHeldError))]
        first = (worth_another_try or failed)[0]
        if isinstance(first, TransferError):
            raise _told(first, done, file_ids) from first.__cause__
        raise first
    return done


def _told(error: TransferError, done: Sequence[Outcome], file_ids: Sequence[int]) -> TransferError:
    """Add to ``error`` how far the run came."""
    error.outcomes = tuple(done)
    left = len(file_ids) - len(done)
    error.progress = f"{len(done)} of {len(file_ids)} files were dealt with; {left} stay where they are in the ledger."
    return error
