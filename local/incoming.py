"""The samples of what comes in, each with its partner's files: told in the few words that ``make run`` needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from local.sample import proresponse, warranty

if TYPE_CHECKING:
    from include.ledger import Ledger
    from local.settings import Settings

Wave = Literal["past", "today", "later"]


class Comparison(Protocol):
    """What became of a sample, beside its own list."""

    @property
    def differences(self) -> list[str]: ...

    def table(self) -> str: ...


class Incoming(Protocol):
    """
    One partner's files, and what has to stand before the first of them comes.

    All of it can be asked for again: what is done is not done twice, also by the next ``make run``.
    """

    @property
    def partner(self) -> str: ...
    @property
    def interfaces(self) -> tuple[str, ...]: ...
    @property
    def exactly(self) -> str:
        """How closely it is compared, in words."""
        ...

    def stand(self, ledger: Ledger) -> None:
        """Add the feeds, and whatever files of past days find already."""
        ...

    def drop(self, wave: Wave) -> None:
        """Let the partner put the files of a wave down; before those of ``later`` comes what else happens meanwhile."""
        ...

    def settled(self, waves: Iterable[Wave]) -> tuple[int, int]:
        """How many files of the waves have come to an end, whichever, and how many there are."""
        ...

    def compared(self) -> Comparison: ...


class ProresponseFiles:
    """What ProResponse leaves for six dealers."""

    partner: Final = "proresponse"
    interfaces: Final = (proresponse.SALES, proresponse.SERVICE)
    exactly: Final = "row by row"

    def __init__(self, settings: Settings, *, seed: int, until: date) -> None:
        self._ledger_dsn, self._dms_dsn = settings.dsn("ledger"), settings.dsn("dms")
        self._home: Path = settings.partners / self.partner
        self._sample = proresponse.proresponse_sample(seed, until)

    def stand(self, ledger: Ledger) -> None:
        proresponse.add_feeds(ledger, self._sample, self._home)
        proresponse.enter_contacts(self._dms_dsn, self._sample)

    def drop(self, wave: Wave) -> None:
        proresponse.drop(self._sample, self._home, wave)

    def settled(self, waves: Iterable[Wave]) -> tuple[int, int]:
        return proresponse.settled(self._sample, waves, ledger_dsn=self._ledger_dsn)

    def compared(self) -> Comparison:
        return proresponse.compare(self._sample, ledger_dsn=self._ledger_dsn, dms_dsn=self._dms_dsn, home=self._home)


class PaymentFiles:
    """What Renault says that it paid, for the claims of five retail dealers."""

    partner: Final = "renault"
    interfaces: Final = (warranty.INTERFACE,)
    exactly: Final = "line by line, claim by claim, to the penny"

    def __init__(self, settings: Settings, *, seed: int, until: date) -> None:
        self._ledger_dsn, self._dms_dsn = settings.dsn("ledger"), settings.dsn("dms")
        self._home: Path = settings.partners / self.partner
        self._sample = warranty.warranty_sample(seed, until)

    def stand(self, ledger: Ledger) -> None:
        warranty.open_books(self._dms_dsn, self._sample)
        warranty.add_payments_feed(ledger, self._home)

    def drop(self, wave: Wave) -> None:
        if wave == "later":
            # The dealers' systems tell claims that were paid already: their money is on account until now.
            warranty.load(self._dms_dsn, self._sample, warranty.LATER)
        warranty.drop(self._sample, self._home, wave)

    def settled(self, waves: Iterable[Wave]) -> tuple[int, int]:
        return warranty.settled(self._sample, waves, ledger_dsn=self._ledger_dsn)

    def compared(self) -> Comparison:
        return warranty.compare(self._sample, ledger_dsn=self._ledger_dsn, dms_dsn=self._dms_dsn, home=self._home)
