"""One partner's connection for a whole call: opened when first needed, opened again when it broke, a few times."""

from __future__ import annotations

from types import TracebackType

from include.sftp import ConnectionDropped, Endpoint, PermanentTransferError, Session, TransferError, TransferLimits


class Line:
    """
    Gives a session that works, or raises why there is none. A context manager.

    One file at which a server breaks off must not cost the others; a server that is gone must not be knocked at once
    per file. So a broken connection is replaced ``reconnects`` times, and an error that only a person can end (a
    changed host key, a refused login) is remembered: the account could be locked by asking again.
    """

    def __init__(self, endpoint: Endpoint, limits: TransferLimits, *, reconnects: int) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._left = reconnects
        self._session: Session | None = None
        self._ended: TransferError | None = None

    def session(self) -> Session:
        """Return an open session; raises the ``TransferError`` that keeps us from having one."""
        if self._ended is not None:
            raise self._ended
        if self._session is not None:
            if not self._session.broken:
                return self._session
            self._close()
            if self._left <= 0:
                self._ended = ConnectionDropped(
                    self._endpoint, "the connection broke too often in this call; the rest waits for the next."
                )
                raise self._ended
            self._left -= 1
        session = Session(self._endpoint, self._limits)
        try:
            session.__enter__()
        except TransferError as error:
            # Nobody there, or nobody for us: asked once per call.
            self._ended = error
            raise
        self._session = session
        return session

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.__exit__(None, None, None)


def is_passing(error: Exception) -> bool:
    """Whether another call may succeed without anybody doing anything."""
    return not isinstance(error, PermanentTransferError)
