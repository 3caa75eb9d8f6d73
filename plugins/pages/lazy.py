"""An application that is made when it is first asked for: a scheduler that loads plugins pays nothing for pages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOG = logging.getLogger(__name__)
BROKEN = b"The pages cannot be shown; the log of the API server says why. Deliveries are not concerned.\n"


class LazyPages:
    """
    Stands where the pages will be.

    If they cannot be made every request is refused: a route that nobody guards must never answer.
    """

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            try:
                from plugins.pages.app import make_pages

                self._app = make_pages()
            except Exception:
                LOG.exception("the pages of the dealer interfaces cannot be made")
                await _refuse(send)
                return
        await self._app(scope, receive, send)


async def _refuse(send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"text/plain; charset=utf-8")]}
    )
    await send({"type": "http.response.body", "body": BROKEN})
