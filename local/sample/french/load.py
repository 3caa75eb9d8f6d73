"""Puts the French part into the DMS, within the transaction of the whole fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.sample.bulk import Cursor, copy_frames, without_indexes
from local.sample.french.build import build
from local.sample.french.defects import KINDS
from local.sample.french.preferences import HISTORY
from local.sample.french.truth import planted_of
from local.sample.parameters import Parameters

#: Tables of the French part alone; the others are shared with the British one.
OWN = (
    "point_of_sale", "agreement", "application", "application_scope", "application_authorisation", "feed_eligibility",
    "contact_preference", "contact_preference_history", "workshop_invoice", "workshop_invoice_line", "counter_invoice",
    "counter_invoice_line", "vehicle_sale", "vehicle_sale_line",
)  # fmt: skip
#: Large ones, whose indexes are built when all rows are in.
LARGE = OWN[OWN.index("contact_preference") :]
SAMPLE_TABLES = ("french_defect_kind", "french_defect")

SAMPLE_SCHEMA = """
CREATE TABLE IF NOT EXISTS sample.french_defect_kind (
    kind        text PRIMARY KEY,
    record      text NOT NULL,
    outcome     text NOT NULL,
    rules       text[] NOT NULL,
    description text NOT NULL
);
CREATE TABLE IF NOT EXISTS sample.french_defect (
    kind          text NOT NULL,
    record        text NOT NULL,
    rrdi_code     text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    record_key    text COLLATE "C" NOT NULL,
    PRIMARY KEY (record, rrdi_code, record_key)
);
COMMENT ON TABLE sample.french_defect IS
    'Records of the DDC feed that were made wrong on purpose; record_key is a document number or a customer''s number';
"""


@dataclass(frozen=True)
class FrenchCounts:
    """What was put in: points of sale, documents and lines of all kinds, planted records by kind."""

    points: int = 0
    documents: int = 0
    lines: int = 0
    planted: tuple[tuple[str, int], ...] = ()


def load(cursor: Cursor, parameters: Parameters, say: Callable[[str], None]) -> FrenchCounts:
    """Draw the French part and COPY it into the tables, which were truncated in this transaction."""
    french = build(parameters)
    say(f"inventing {french.lines:,} lines at {len(french.group.points)} French points of sale")
    # What the database would do for each preference by itself is done once for all of them.
    cursor.execute("ALTER TABLE dms.contact_preference DISABLE TRIGGER USER")
    with without_indexes(cursor, "dms", LARGE, say):
        for name, frames in french.frames():
            copy_frames(cursor, f"dms.{name}", frames)
        cursor.execute(HISTORY)
    cursor.execute("ALTER TABLE dms.contact_preference ENABLE TRIGGER USER")
    planted = planted_of(french)
    cursor.executemany(
        "INSERT INTO sample.french_defect_kind VALUES (%s, %s, %s, %s, %s)",
        [(kind.name, kind.record, kind.outcome, list(kind.rules), kind.description) for kind in KINDS],
    )
    cursor.executemany(
        "INSERT INTO sample.french_defect VALUES (%s, %s, %s, %s, %s)",
        [(one.kind, one.record, one.rrdi, one.business_date, one.key) for one in planted],
    )
    names = [one.kind for one in planted]
    return FrenchCounts(
        points=len(french.group.points),
        documents=sum(len(each) for each in french.documents.values()),
        lines=french.lines,
        planted=tuple((kind.name, names.count(kind.name)) for kind in KINDS),
    )
