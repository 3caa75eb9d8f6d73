"""What a run has staged, written down beside the rows: the tasks after `extract` work from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from include.ledger.states import DELIVERED
from include.staging import StagingError

if TYPE_CHECKING:
    from include.ledger import FileRow
    from include.staging import Staging

MANIFEST = "manifest.json"
# Beside what the header says: who the dealer is in the DMS.
DEALER_KEY = "dealer_key"


@dataclass(frozen=True)
class Part:
    """
    One staged file of rows: of one table and one window, sorted by dealer, with the ledger file of each dealer.

    Parts of one ``connection`` follow each other; those of different ones have no file in common.
    """

    name: str
    connection: int
    table: str
    file_of_dealer: dict[int, int]


@dataclass(frozen=True)
class Manifest:
    """
    What a run has staged, and what it knows of its files beyond their rows.

    ``obstacles`` says by file id why a person must look at a file before it goes; it is held once it is rendered, so
    that a release sends the very bytes that were looked at. ``headers`` has by file id what the dealers' SQL says for
    the file's header.
    """

    parts: list[Part] = field(default_factory=list)
    obstacles: dict[int, str] = field(default_factory=dict)
    headers: dict[int, dict[str, str | None]] = field(default_factory=dict)

    def write(self, staging: Staging, batch_id: int) -> None:
        """Stage it beside the rows, last: whoever finds it finds them whole."""
        with staging.writer(f"{batch_id}/{MANIFEST}") as path:
            path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, staging: Staging, batch_id: int) -> Manifest:
        """
        Read the manifest of a batch.

        :raises StagingError: if the batch was not staged to its end, or its files are gone.
        """
        with staging.reader(f"{batch_id}/{MANIFEST}") as path:
            found = json.loads(path.read_text())
        if not all(isinstance(part, dict) for part in found["parts"]):
            raise StagingError(
                f"batch {batch_id} was staged by an earlier release of this code; clear the run from `extract` on"
            )
        return cls(
            [
                Part(
                    part["name"],
                    part["connection"],
                    part["table"],
                    {int(dealer): file for dealer, file in part["file_of_dealer"].items()},
                )
                for part in found["parts"]
            ],
            {int(file): reason for file, reason in found["obstacles"].items()},
            {int(file): values for file, values in found["headers"].items()},
        )


def reads_rows(file: FileRow) -> bool:
    """True for a file that awaits its bytes, and for a delivered one, to see whether it would be another today."""
    return file.awaits_bytes or file.state in DELIVERED
