"""Keeps a file's manifests in step with the authorisations, up to the moment of its first attempt to go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.agreements.authorisations import Authorisation, fingerprint
from include.agreements.manifests import ManifestError, manifest, manifest_name
from include.ledger.companions import Companion

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow, Ledger

KIND = "manifest"


def accompany(
    contract: Contract,
    file: FileRow,
    authorisations: Sequence[Authorisation],
    *,
    ledger: Ledger,
    archive: Archive,
    at: datetime | None = None,
) -> str | None:
    """
    See that the manifests beside a rendered ``file`` say what ``authorisations`` say; None if it may go with them.

    Manifests that say so already are left alone. Others are made anew and replace the file's companions in the ledger,
    as long as no attempt to send it has begun. From then on the partner may hold what they said, so a change is for a
    person to see: the answer is the sentence that says so, and nothing is touched.

    :param authorisations: those of the file's point of sale at the instant ``at``; without ``at`` they were just read.
    :raises LeaseHeldError: if the manifests must be made anew while another attempt is at work on the file.
    """
    documents = file.records or {}
    mark = _mark(file, authorisations)
    registered = ledger.companions(file.id)
    if {companion.fingerprint for companion in registered} == ({mark} if authorisations else set()):
        return None
    if not file.untouched:
        holds = ", ".join(f"{one.application} {one.status}" for one in authorisations) or "none"
        begun = "it was first sent" if file.published_at is not None else "the first attempt to send it"
        if file.published_at is not None:
            step = "`reject` takes the redelivery back; what the partner has stays as it is"
        elif contract.contiguous is not None and any(one.published_at is not None for one in registered):
            # Under the same name the partner could not be given another.
            step = (
                "`reject` it: the next file holds its window too, under a number of its own, and the manifest that the "
                "partner has by now speaks of a file that never comes"
            )
        else:
            step = "`reject` and `reopen` it: the next run makes new bytes with new manifests"
        return (
            f"{file.label}: what applications may see of it has changed since {begun}, and the manifests beside it no "
            f"longer say what holds now ({holds}), so it must not go as it is. {step}"
        )
    try:
        made_at = at or datetime.now(UTC)
        made = [
            (manifest_name(file.file_name or "", one.application), manifest(contract, file, one, documents, made_at))
            for one in authorisations
        ]
    except ManifestError as error:
        return str(error)
    ledger.set_companions(file.id, [_archived(name, content, archive) for name, content in made], mark)
    return None


def _mark(file: FileRow, authorisations: Sequence[Authorisation]) -> str:
    """The authorisations' fingerprint and what else the manifests say: a file made anew has other bytes."""
    told = [fingerprint(authorisations), file.file_name, file.sha256, sorted((file.records or {}).items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _archived(name: str, content: bytes, archive: Archive) -> Companion:
    with archive.writer() as writer:
        writer.write(content)
    return Companion(name=name, kind=KIND, sha256=writer.sha256, bytes=writer.bytes)
