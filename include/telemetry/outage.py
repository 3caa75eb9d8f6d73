"""Whether a collector answers, said when it changes and not at each attempt."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

LOG: Final = logging.getLogger(__name__)


class Outage:
    """The state of one collector: ``what`` goes to ``place``, a host without credentials."""

    def __init__(self, what: str, place: str) -> None:
        self.what = what
        self.place = place
        self.failures = 0

    def failed(self, why: str) -> None:
        """Count a failed attempt; the first since the last success is told. ``why`` holds no URL and no header."""
        self.failures += 1
        if self.failures == 1:
            LOG.warning(
                "telemetry: %s cannot be handed over to %s (%s). No transfer is touched by it and nothing is lost: "
                "it is tried again until it answers. Check that the collector runs there and that its address is right",
                self.what,
                self.place,
                why,
                extra={"telemetry": self.what, "collector": self.place, "error": why},
            )

    def succeeded(self) -> None:
        """Tell that a collector answers that did not."""
        if self.failures:
            LOG.info("telemetry: %s takes %s again, after %d failures", self.place, self.what, self.failures)
        self.failures = 0


def host_of_url(url: str) -> str:
    """``host:port`` of a URL: never its user, password, path or query."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname}{port}" if parts.hostname else "an address that is no URL"
    except ValueError:
        return "an address that is no URL"
